from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from backend.document.geometry import Box
from backend.document.page import Word
from backend.errors import RequestError
from backend.ocr.cache import OcrCache
from backend.pages.decoders import Decoders
from backend.pipelines.documents import SplitRequest, split_files
from backend.pipelines.reading import PageReader
from backend.pipelines.splitting import image_name, page_numbers
from backend.settings import Settings
from tests.pages.pdfs import WORDS, content, with_lines


class OneWord:
    """An OCR engine that finds one word on every page."""

    identity = "one word"

    def read(self, image: Image.Image) -> Sequence[Word]:
        return [Word("read", Box(10, 10, 60, 30), 0.9)]


@pytest.fixture
def two_pages(tmp_path: Path) -> Path:
    """A PDF whose second page is empty."""
    pdf = with_lines()
    pdf.add_page()
    path = tmp_path / "my invoice.pdf"
    path.write_bytes(content(pdf))
    return path


def request(*files: Path, out: Path | None, task_per_file: bool | None = None, **changes: object) -> SplitRequest:
    fields = {"project_id": None, "url_prefix": "", "dpi": 100.0, "pages": "", "text": True, **changes}
    return SplitRequest(files=files, out=out, task_per_file=task_per_file, **fields)  # type: ignore[arg-type]


def split(settings: Settings, wanted: SplitRequest) -> list[str]:
    return list(split_files(settings, wanted, lambda name, done, pages: None))


def words_of(settings: Settings, image: Path) -> list[str]:
    reader = PageReader(OneWord(), OcrCache(settings.data_dir / "ocr"), 10**8, decoders=Decoders())  # type: ignore[arg-type]
    return [word.text for word in reader.read_bytes(image.read_bytes()).words]


def test_a_file_becomes_images_and_tasks_and_its_text_needs_no_ocr(
    settings: Settings, two_pages: Path, tmp_path: Path
) -> None:
    out = tmp_path / "pages"
    lines = split(settings, request(two_pages, out=out))
    assert lines == [
        "my invoice.pdf: 2 pages, 1 with text of their own; OCR reads 2 (it has no text)",
        f"2 tasks in {out / 'tasks.json'}, images under /data/local-files/?d=pages/",
    ]
    assert json.loads((out / "tasks.json").read_text()) == [
        {
            "data": {
                "document": "my invoice.pdf",
                "page": number,
                "image": f"/data/local-files/?d=pages/my_invoice-000{number}.png",
            }
        }
        for number in (1, 2)
    ]
    assert words_of(settings, out / "my_invoice-0001.png") == WORDS
    assert words_of(settings, out / "my_invoice-0002.png") == ["read"]


def test_a_file_becomes_one_task_with_all_its_pages(settings: Settings, two_pages: Path, tmp_path: Path) -> None:
    out = tmp_path / "pages"
    split(settings, request(two_pages, out=out, task_per_file=True, url_prefix="https://files.example/"))
    [task] = json.loads((out / "tasks.json").read_text())
    images = [f"https://files.example/my_invoice-000{number}.png" for number in (1, 2)]
    assert task == {"data": {"document": "my invoice.pdf", "pages": images}}


def test_text_that_is_not_wanted_any_more_is_forgotten(settings: Settings, two_pages: Path, tmp_path: Path) -> None:
    split(settings, request(two_pages, out=tmp_path / "one", pages="1"))
    split(settings, request(two_pages, out=tmp_path / "two", pages="1", text=False))
    assert words_of(settings, tmp_path / "two" / "my_invoice-0001.png") == ["read"]


def test_several_files_share_a_list_of_tasks(settings: Settings, two_pages: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pdf"
    other.write_bytes(content(with_lines()))
    split(settings, request(two_pages, other, out=tmp_path / "pages"))
    tasks = json.loads((tmp_path / "pages" / "tasks.json").read_text())
    assert [task["data"]["document"] for task in tasks] == ["my invoice.pdf", "my invoice.pdf", "other.pdf"]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [("", [1, 2, 3, 4, 5]), ("2", [2]), ("1-2, 4", [1, 2, 4]), ("4-", [4, 5]), ("5,1-2,2", [1, 2, 5])],
)
def test_pages_are_chosen_by_their_numbers(wanted: str, numbers: list[int]) -> None:
    assert page_numbers(wanted, 5) == numbers


@pytest.mark.parametrize("wanted", ["0", "6", "3-2", "x", "1-2-3", "-3", "1,,2", "1 2", "٣-"])
def test_pages_that_there_are_not_are_refused(wanted: str) -> None:
    with pytest.raises(RequestError) as refused:
        page_numbers(wanted, 5)
    assert refused.value.code == "bad_pages"


@pytest.mark.parametrize("wanted", ["", "1-1001"])
def test_thousands_of_pages_are_taken_in_parts(wanted: str) -> None:
    with pytest.raises(RequestError, match="1000 are split at a time") as refused:
        page_numbers(wanted, 3000)
    assert refused.value.code == "pdf_too_many_pages"
    assert len(page_numbers("1001-2000", 3000)) == 1000


@pytest.mark.parametrize(
    ("stem", "name"),
    [("a", "a-0007.png"), ("Ä 1/2?", "_1_2_-0007.png"), ("..", "..-0007.png"), ("", "document-0007.png")],
)
def test_the_names_of_images_are_safe_in_addresses(stem: str, name: str) -> None:
    assert image_name(stem, 7) == name


def test_nothing_is_overwritten_and_nothing_is_lost(settings: Settings, two_pages: Path, tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "tasks.json").write_text("mine")
    refusals = {
        "folder_not_empty": request(two_pages, out=tmp_path / "pages"),
        "no_destination": request(two_pages, out=None),
        "same_names": request(two_pages, tmp_path / "x" / two_pages.name, out=tmp_path / "new"),
        "file_missing": request(tmp_path / "none.pdf", out=tmp_path / "new"),
        "folder_not_writable": request(two_pages, out=two_pages / "new"),
        "bad_pages": request(two_pages, out=tmp_path / "new", pages="3"),
    }
    for code, wanted in refusals.items():
        with pytest.raises(RequestError) as refused:
            split(settings, wanted)
        assert refused.value.code == code
    assert (tmp_path / "pages" / "tasks.json").read_text() == "mine"
    assert not (tmp_path / "new" / "tasks.json").exists()


def test_an_image_that_would_not_be_read_later_is_refused(
    make_settings: object, two_pages: Path, tmp_path: Path
) -> None:
    small = make_settings(MAX_MEGAPIXELS="1")  # type: ignore[operator]
    with pytest.raises(RequestError, match=r"my invoice.pdf: page 1 of the PDF is .* at 110 dpi"):
        split(small, request(two_pages, out=tmp_path / "pages", dpi=110.0))
    assert split(small, request(two_pages, out=tmp_path / "pages", dpi=72.0))

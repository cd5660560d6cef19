from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.document.geometry import Box
from backend.document.page import Page, Word
from backend.ocr.cache import OcrCache
from backend.ocr.segments import arrange

DATA = b"the bytes of an image file"
ENGINE = "tesseract 5.3.0 eng auto"

coordinates = st.floats(0, 5000, allow_nan=False)
pages = st.builds(
    lambda width, height, words: Page(width, height, arrange(words)),
    st.integers(1, 10_000),
    st.integers(1, 10_000),
    st.lists(
        st.builds(
            Word,
            st.text(st.characters(codec="utf-8", exclude_categories=["Z", "Cc"]), min_size=1),
            st.builds(Box, coordinates, coordinates, coordinates, coordinates),
            st.floats(0, 1),
        ),
        max_size=8,
    ),
)


@pytest.fixture
def page() -> Page:
    words = [Word("Total", Box(10, 10, 60, 30), 0.9), Word("12.50", Box(400, 11, 460, 31), 0.8)]
    return Page(500, 700, arrange(words))


@pytest.fixture
def cache(tmp_path: Path) -> OcrCache:
    return OcrCache(tmp_path / "ocr")


def entry(cache: OcrCache) -> Path:
    (path,) = cache.folder.rglob("*.json")
    return path


@given(page=pages)
def test_a_page_comes_back_as_it_was_put(page: Page, tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = OcrCache(tmp_path_factory.mktemp("ocr"))
    cache.put(DATA, ENGINE, page)
    assert cache.get(DATA, ENGINE) == page


def test_another_process_finds_the_page(cache: OcrCache, page: Page) -> None:
    cache.put(DATA, ENGINE, page)
    assert OcrCache(cache.folder).get(DATA, ENGINE) == page


def test_other_bytes_and_other_engines_are_other_pages(cache: OcrCache, page: Page) -> None:
    cache.put(DATA, ENGINE, page)
    assert cache.get(DATA + b"!", ENGINE) is None
    assert cache.get(DATA, ENGINE + " deu") is None
    assert cache.get(DATA + ENGINE[:1].encode(), ENGINE[1:]) is None


def test_words_are_arranged_anew_when_taken_out(cache: OcrCache, page: Page) -> None:
    cache.put(DATA, ENGINE, Page(page.width, page.height, tuple(reversed(page.words))))
    assert cache.get(DATA, ENGINE) == page


def test_a_cut_off_entry_is_a_miss_at_every_length(cache: OcrCache, page: Page) -> None:
    cache.put(DATA, ENGINE, page)
    whole = entry(cache).read_bytes()
    for length in range(len(whole)):
        entry(cache).write_bytes(whole[:length])
        assert cache.get(DATA, ENGINE) is None


@pytest.mark.parametrize(
    "content",
    [b"[]", b"null", b'{"format": 1}', b'{"format": 1, "width": 5, "height": 5, "words": [[1]]}', b"\xff\xfe"],
)
def test_a_damaged_entry_is_a_miss_and_is_mended_by_the_next_put(
    cache: OcrCache, page: Page, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    cache.put(DATA, ENGINE, page)
    entry(cache).write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert cache.get(DATA, ENGINE) is None
    assert "damaged" in caplog.text
    cache.put(DATA, ENGINE, page)
    assert cache.get(DATA, ENGINE) == page


def test_an_entry_of_another_format_is_a_miss(cache: OcrCache, page: Page) -> None:
    cache.put(DATA, ENGINE, page)
    content = json.loads(entry(cache).read_text())
    entry(cache).write_text(json.dumps({**content, "format": 99}))
    assert cache.get(DATA, ENGINE) is None


def test_nothing_but_entries_is_left_in_the_folder(cache: OcrCache, page: Page) -> None:
    for number in range(3):
        cache.put(DATA, f"{ENGINE} {number}", page)
        cache.put(DATA, f"{ENGINE} {number}", page)
    files = [path for path in cache.folder.rglob("*") if path.is_file()]
    assert len(files) == 3
    assert all(path.suffix == ".json" and path.parent.name == path.name[:2] for path in files)


def test_a_disk_that_takes_nothing_costs_no_answer(
    tmp_path: Path, page: Page, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "ocr"
    blocked.write_text("a file where the folder should be")
    cache = OcrCache(blocked)
    with caplog.at_level(logging.WARNING):
        cache.put(DATA, ENGINE, page)
        assert cache.get(DATA, ENGINE) is None
    assert "could not be kept" in caplog.text
    assert str(tmp_path) not in caplog.text


def test_a_text_that_is_known_is_found_whichever_engine_is_asked_for(cache: OcrCache, page: Page) -> None:
    read = Page(page.width, page.height, page.words[:1])
    cache.put(DATA, ENGINE, read)
    cache.put_known(DATA, page)
    assert cache.get(DATA, ENGINE) == cache.get(DATA, "another engine") == page
    assert cache.get(DATA + b"!", ENGINE) is None
    cache.forget_known(DATA)
    assert cache.get(DATA, ENGINE) == read
    assert cache.get(DATA, "another engine") is None
    cache.forget_known(DATA)

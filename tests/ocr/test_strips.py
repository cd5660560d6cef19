"""A page that is read alone, in two strips at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageOps

from backend import cores
from backend.cores import core_taken
from backend.errors import TaskError
from backend.ocr import tesseract
from backend.ocr.auto import AutoEngine, make_engine
from backend.ocr.scan import Scan, to_scan
from backend.ocr.strips import two_strips
from backend.ocr.tesseract import TesseractEngine
from tests.drawn import DrawnPage
from tests.ocr.fake_tesseract import install, printing, table
from tests.ocr.written import written

LINES = 12


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "cores", lambda: 2)


def strips_of(page: Image.Image) -> tuple[Scan, Scan]:
    strips = two_strips(to_scan(page))
    assert strips is not None
    return strips


def print_of(page: Image.Image) -> tuple[int, int]:
    """First row with print, and the one after the last."""
    box = ImageOps.invert(page).getbbox()
    assert box is not None
    return box[1], box[3]


def test_the_strips_are_the_page_parted_between_two_lines() -> None:
    page = written(30, LINES)
    above, below = strips_of(page)
    assert (above.top, below.top) == (0, above.image.height)
    whole = Image.new("L", page.size)
    whole.paste(above.image, (0, above.top))
    whole.paste(below.image, (0, below.top))
    assert ImageChops.difference(whole, page).getbbox() is None
    edge = above.image.crop((0, above.image.height - 3, page.width, above.image.height))
    assert edge.getextrema() == (255, 255)
    first, last = print_of(page)
    assert 0.3 < (below.top - first) / (last - first) < 0.7


def test_the_widest_gap_of_the_middle_is_taken() -> None:
    page = written(30, LINES)
    parted = Image.new("L", (page.width, page.height + 100), 255)
    upper = strips_of(page)[0].image.height
    parted.paste(page.crop((0, 0, page.width, upper)), (0, 0))
    parted.paste(page.crop((0, upper, page.width, page.height)), (0, upper + 100))
    assert abs(strips_of(parted)[1].top - (upper + 50)) <= 4


def test_a_page_without_a_gap_stays_whole() -> None:
    page = written(30, LINES)
    slanted = page.rotate(6, expand=True, fillcolor=255)
    assert two_strips(to_scan(slanted)) is None


def test_a_rule_down_the_page_is_cut() -> None:
    page = written(30, LINES)
    ImageDraw.Draw(page).line([(10, 0), (10, page.height)], fill=0, width=3)
    assert two_strips(to_scan(page)) is not None


@pytest.mark.parametrize("page", [Image.new("L", (800, 1000), 255), written(30, 1)], ids=["blank", "one line"])
def test_there_is_nothing_to_part(page: Image.Image) -> None:
    assert two_strips(to_scan(page)) is None


def test_the_words_are_those_of_the_whole_page_in_their_places(drawn_receipt: DrawnPage) -> None:
    page = drawn_receipt.image
    assert two_strips(to_scan(page)) is not None
    whole, parted = TesseractEngine().read(page), TesseractEngine(in_strips=True).read(page)
    assert [word.text for word in parted] == [word.text for word in whole]
    assert all(one.box.iou(other.box) > 0.5 for one, other in zip(whole, parted, strict=True))


def times_started(monkeypatch: pytest.MonkeyPatch, folder: Path, engine: TesseractEngine, page: Image.Image) -> int:
    words = table(*((f"word{number}", 95.0, 20, 30 * number, 60, 15) for number in range(1, 10)))
    install(folder, monkeypatch, f'echo begun >> "{folder}/begun"\n{printing(folder, "table", words)}')
    engine.read(page)
    return len((folder / "begun").read_text().split())


def test_only_a_page_alone_is_read_in_strips(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = written(30, LINES)
    alone, beside, plain = (tmp_path / name for name in ("alone", "beside", "plain"))
    for folder in (alone, beside, plain):
        folder.mkdir()
    with core_taken():  # by the page itself, as its reader does
        assert times_started(monkeypatch, alone, TesseractEngine(in_strips=True), page) == 2
        with core_taken():
            assert times_started(monkeypatch, beside, TesseractEngine(in_strips=True), page) == 1
        assert times_started(monkeypatch, plain, TesseractEngine(), page) == 1


def test_a_page_with_a_segmentation_of_its_own_is_read_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    engine = TesseractEngine(page_segmentation="4", in_strips=True)
    assert times_started(monkeypatch, tmp_path, engine, written(30, LINES)) == 1


def test_other_pages_know_of_both_processes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    left: list[int] = []
    real = tesseract.run_program

    def watched(*args: object, **kwargs: object) -> None:
        left.append(cores._taken)
        real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(tesseract, "run_program", watched)
    with core_taken():
        assert times_started(monkeypatch, tmp_path, TesseractEngine(in_strips=True), written(30, LINES)) == 2
    assert left == [2, 2]
    assert cores._taken == 0


def test_a_strip_that_fails_fails_the_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    good = printing(tmp_path, "table", table(("word", 95.0, 20, 20, 60, 15)))
    install(tmp_path, monkeypatch, f'mkdir "{tmp_path}/second" 2> /dev/null || exit 3\n{good}')
    with pytest.raises(TaskError) as caught:
        TesseractEngine(in_strips=True).read(written(30, LINES))
    assert caught.value.code == "ocr_failed"
    assert cores._taken == 0


def test_both_programs_are_ended_at_the_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(tmp_path, monkeypatch, f'echo $$ >> "{tmp_path}/pids"\nexec sleep 60')
    with pytest.raises(TaskError) as caught:
        TesseractEngine(timeout_s=2.0, in_strips=True).read(written(30, LINES))
    assert caught.value.code == "ocr_timeout"
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def test_strips_are_for_the_engine_that_reads_noisy_pages_again() -> None:
    auto = make_engine("auto", languages="eng", page_segmentation="auto", timeout_s=60)
    alone = make_engine("tesseract", languages="eng", page_segmentation="auto", timeout_s=60)
    assert isinstance(auto, AutoEngine)
    assert isinstance(auto.quick, TesseractEngine)
    assert isinstance(alone, TesseractEngine)
    assert auto.quick.in_strips
    assert not alone.in_strips

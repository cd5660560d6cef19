from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from backend.cores import core_taken
from backend.document.page import Word
from backend.errors import TaskError
from backend.ocr.engine import read_page
from backend.ocr.rapid import RapidEngine
from tests.drawn import Canvas, DrawnPage


@pytest.fixture(scope="module")
def engine() -> RapidEngine:
    return RapidEngine()


def test_the_words_of_a_form_are_read_in_place(engine: RapidEngine, drawn_form: DrawnPage) -> None:
    page = read_page(drawn_form.image, engine)
    assert page.size == drawn_form.size
    found = [
        word
        for word in drawn_form.words
        if any(other.text == word.text and other.box.iou(word.box) > 0.4 for other in page.words)
    ]
    assert len(found) > 0.6 * len(drawn_form.words)
    assert all(0 <= word.confidence <= 1 and " " not in word.text for word in page.words)


def test_IN09_a_very_large_scan_is_read_smaller_and_its_words_lie_in_its_own_pixels(engine: RapidEngine) -> None:
    canvas = Canvas(600, 400)
    canvas.write("Invoice", (100, 200), 60)
    canvas.write("Total", (350, 300), 60)
    drawn = canvas.finish()
    words = engine.read(drawn.image.resize((4800, 3200)))
    assert [word.text for word in words] == ["Invoice", "Total"]
    for word, true in zip(words, drawn.words, strict=True):
        assert word.box.iou(true.box.scaled(8, 8)) > 0.4


def test_several_threads_read_what_one_reads_alone(
    engine: RapidEngine, drawn_receipt: DrawnPage, drawn_form: DrawnPage
) -> None:
    pages = [drawn_receipt.image, drawn_form.image] * 2
    alone = [engine.read(page) for page in pages[:2]]

    def read(page: Image.Image) -> list[Word]:
        with core_taken(), core_taken():  # its own, and that of somebody else
            return engine.read(page)

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(read, pages))
    assert all(alone)
    assert together == alone * 2


def test_a_page_alone_gets_several_cores_and_one_beside_others_a_single_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.cores.cores", lambda: 3)
    engine = RapidEngine()
    with core_taken():
        engine._reader()
        with core_taken():
            engine._reader()
    assert list(engine._readers) == [3, 1]


def test_a_strip_is_refused_before_it_takes_all_memory(engine: RapidEngine) -> None:
    with pytest.raises(TaskError) as refusal:
        engine.read(Image.new("RGB", (4000, 40), "white"))
    assert refusal.value.code == "ocr_refused_size"


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (600, 800)])
def test_an_empty_page_has_no_words(engine: RapidEngine, size: tuple[int, int]) -> None:
    assert engine.read(Image.new("RGB", size, "white")) == []


def test_the_identity_names_engine_and_version(engine: RapidEngine) -> None:
    assert engine.identity.startswith("rapidocr 3.")


def test_the_library_gets_the_page_in_one_block_with_blue_first(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[NDArray[np.uint8]] = []

    def reader(pixels: NDArray[np.uint8], *, return_word_box: bool) -> SimpleNamespace:
        given.append(pixels)
        return SimpleNamespace(txts=None)

    engine = RapidEngine()
    monkeypatch.setattr(engine, "_reader", lambda: reader)
    assert engine.read(Image.new("RGB", (60, 40), (200, 100, 50))) == []
    (pixels,) = given
    assert pixels.shape == (40, 60, 3)
    assert pixels.flags.c_contiguous
    assert pixels[0, 0].tolist() == [50, 100, 200]


def test_a_short_line_is_recognised_at_its_own_width(engine: RapidEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    canvas = Canvas(600, 300)
    canvas.write("No", (100, 150), 30)
    page = canvas.finish().image
    assert [word.text for word in engine.read(page)] == ["No"]
    widths: list[int] = []
    recogniser = engine._reader().text_rec
    recognise: Callable[[NDArray[np.float32]], NDArray[np.float32]] = recogniser.session

    def recorded(lines: NDArray[np.float32]) -> NDArray[np.float32]:
        widths.append(lines.shape[3])
        return recognise(lines)

    monkeypatch.setattr(recogniser, "session", recorded)
    engine.read(page)
    assert widths
    assert max(widths) < 160

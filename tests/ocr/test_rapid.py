from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from backend.errors import TaskError
from backend.ocr.engine import read_page
from backend.ocr.rapid import RapidEngine
from tests.drawn import DrawnPage


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


def test_several_threads_read_alike(engine: RapidEngine, drawn_receipt: DrawnPage) -> None:
    with ThreadPoolExecutor(4) as pool:
        readings = list(pool.map(engine.read, [drawn_receipt.image] * 4))
    assert readings[0]
    assert all(reading == readings[0] for reading in readings)


def test_a_strip_is_refused_before_it_takes_all_memory(engine: RapidEngine) -> None:
    with pytest.raises(TaskError) as refusal:
        engine.read(Image.new("RGB", (4000, 40), "white"))
    assert refusal.value.code == "ocr_refused_size"


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (600, 800)])
def test_an_empty_page_has_no_words(engine: RapidEngine, size: tuple[int, int]) -> None:
    assert engine.read(Image.new("RGB", size, "white")) == []


def test_the_identity_names_engine_and_version(engine: RapidEngine) -> None:
    assert engine.identity.startswith("rapidocr 3.")

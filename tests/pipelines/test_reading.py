import io
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.document.page import Page, PageRef, Word
from backend.errors import TaskError
from backend.ocr.cache import OcrCache
from backend.pages.decoders import Decoders
from backend.pipelines.pictures import model_picture
from backend.pipelines.reading import PageReader, RememberedPages
from backend.pipelines.turns import ReadingPlaces
from tests.drawn import DrawnPage
from tests.memorised import png


class Counting:
    """An OCR engine that finds nothing and counts how often it is asked."""

    identity = "counting"
    asked = 0

    def read(self, image: Image.Image) -> list[Word]:
        self.asked += 1
        return []


def test_ocr_runs_once_for_the_same_bytes(tmp_path: pytest.TempPathFactory, form_png: bytes) -> None:
    engine = Counting()
    for _ in range(3):
        reader = PageReader(engine, OcrCache(tmp_path / "ocr"), 10**8)  # type: ignore[operator]
        reader.read(PageRef(1, 0, "/a.png"), lambda ref: form_png)
        reader.read_bytes(form_png, picture=True)
    assert engine.asked == 1


class Slow(Counting):
    """An OCR engine that begins and then waits until it is told to go on."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def read(self, image: Image.Image) -> list[Word]:
        self.begun.set()
        self.go_on.wait(10)
        return super().read(image)


def test_two_who_want_the_same_bytes_at_the_same_time_have_them_read_once(tmp_path: Path, form_png: bytes) -> None:
    engine = Slow()
    reader = PageReader(engine, OcrCache(tmp_path / "ocr"), 10**8)
    with ThreadPoolExecutor(2) as pool, reader.for_request() as one, reader.for_request() as other:
        first = pool.submit(one.read_bytes, form_png)
        assert engine.begun.wait(10)
        second = pool.submit(other.read_bytes, form_png)
        engine.go_on.set()
        assert first.result(10) == second.result(10)
    assert engine.asked == 1


def test_a_page_that_was_read_needs_no_place_and_is_decoded_no_more(
    tmp_path: Path, form_png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Slow()
    reader = PageReader(engine, OcrCache(tmp_path / "ocr"), 10**8, ReadingPlaces(1))
    engine.go_on.set()
    page = reader.read_bytes(form_png, picture=True)
    engine.go_on.clear()
    engine.begun.clear()
    other_png = png(Image.new("RGB", (300, 300), "white"))
    with ThreadPoolExecutor(1) as pool, reader.for_request() as one, reader.for_request() as other:
        taken = pool.submit(one.read_bytes, other_png)
        assert engine.begun.wait(10)
        monkeypatch.setattr(Decoders, "decode", None)
        again = other.read_bytes(form_png, picture=True)
        engine.go_on.set()
        taken.result(10)
    assert page.picture is not None
    assert again.picture is not None
    assert np.array_equal(again.picture, page.picture)


def test_a_page_that_failed_is_tried_anew_by_who_waited_for_it(tmp_path: Path, form_png: bytes) -> None:
    class FailsOnce(Slow):
        def read(self, image: Image.Image) -> list[Word]:
            super().read(image)
            if self.asked == 1:
                raise TaskError("ocr_timeout", "too slow")
            return []

    engine = FailsOnce()
    reader = PageReader(engine, OcrCache(tmp_path / "ocr"), 10**8)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(reader.read_bytes, form_png)
        assert engine.begun.wait(10)
        second = pool.submit(reader.read_bytes, form_png)
        engine.go_on.set()
        with pytest.raises(TaskError):
            first.result(10)
        assert second.result(10).words == ()


def test_a_remembered_page_is_fetched_once_and_again_for_its_picture(
    tmp_path: pytest.TempPathFactory, form_png: bytes
) -> None:
    fetched: list[PageRef] = []

    def fetch(ref: PageRef) -> bytes:
        fetched.append(ref)
        return form_png

    pages = RememberedPages(PageReader(Counting(), OcrCache(tmp_path / "ocr"), 10**8))  # type: ignore[operator]
    one, other = PageRef(1, 0, "/a.png"), PageRef(1, 1, "/a.png")
    for _ in range(3):
        assert pages.read(one, fetch).picture is None
    assert pages.read(one, fetch, picture=True).picture is not None
    assert pages.read(one, fetch).words == pages.read(other, fetch).words
    assert fetched == [one, one, other]


def test_IN26_a_remembered_page_is_fetched_again_after_its_time_and_stays_what_it_is_unless_it_changed(
    tmp_path: Path, form_png: bytes
) -> None:
    at_address = [form_png]
    pages = RememberedPages(PageReader(Counting(), OcrCache(tmp_path / "ocr"), 10**8), life_s=0)
    ref = PageRef(1, 0, "/a.png")

    def read(picture: bool) -> Page:
        return pages.read(ref, lambda ref: at_address[0], picture=picture)

    bare, pictured = read(picture=False), read(picture=True)
    assert bare.picture is None
    assert read(picture=True) is pictured
    assert read(picture=False) is pictured  # what is known of a page is not forgotten
    at_address[0] = png(Image.new("RGB", (780, 1000), "red"))  # of the same size, and without words for this engine
    changed = read(picture=False)
    assert changed.picture is not None
    assert pictured.picture is not None
    assert not np.array_equal(changed.picture, pictured.picture)


def test_the_words_of_a_drawn_form_are_read_in_place(
    reader: PageReader, form_png: bytes, drawn_form: DrawnPage
) -> None:
    page = reader.read_bytes(form_png)
    assert page.size == drawn_form.size
    read = {word.text: word.box for word in page.words}
    found = [word for word in drawn_form.words if word.text in read and read[word.text].iou(word.box) > 0.4]
    assert len(found) > 0.6 * len(drawn_form.words)


def test_only_who_asks_gets_the_picture(reader: PageReader, form_png: bytes) -> None:
    assert reader.read_bytes(form_png).picture is None
    picture = reader.read_bytes(form_png, picture=True).picture
    assert picture is not None
    assert picture.shape == (3, 224, 224)


def test_the_picture_shows_the_page_upright() -> None:
    image = Image.new("RGB", (400, 800), "white")
    image.paste((255, 0, 0), (0, 0, 400, 400))  # upper half red
    picture = model_picture(image)
    assert picture.dtype == np.uint8
    assert picture[:, 10, 100].tolist() == [255, 0, 0]
    assert picture[:, 200, 100].tolist() == [255, 255, 255]


def test_what_is_no_image_is_refused_and_not_remembered(reader: PageReader) -> None:
    buffer = io.BytesIO(b"<html>log in</html>")
    for _ in range(2):
        with pytest.raises(TaskError) as refusal:
            reader.read_bytes(buffer.getvalue())
        assert refusal.value.code == "image_not_image"

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from backend.document.page import Word
from backend.ocr.engine import read_page
from backend.ocr.segments import arrange
from backend.ocr.tesseract import TesseractEngine
from tests.drawn import DrawnPage


@dataclass
class ScriptedEngine:
    """Gives the words it was made with."""

    words: list[Word]
    identity: str = "scripted"

    def read(self, image: Image.Image) -> list[Word]:
        return self.words


def test_a_page_has_the_size_of_its_image_and_its_words_in_reading_order(drawn_form: DrawnPage) -> None:
    page = read_page(drawn_form.image, ScriptedEngine(list(reversed(drawn_form.words))))
    assert page.size == drawn_form.size
    assert page.words == arrange(drawn_form.words)


def test_a_form_is_read_in_the_order_in_which_it_was_drawn(drawn_form: DrawnPage) -> None:
    drawn = [word.text for word in arrange(drawn_form.words)]
    read = [word.text for word in read_page(drawn_form.image, TesseractEngine()).words]
    assert read[:20] == drawn[:20]

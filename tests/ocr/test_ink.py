from __future__ import annotations

import pytest
from PIL import Image, ImageDraw, ImageOps

from backend.ocr.ink import letter_height, print_by_row
from tests.drawn import Canvas
from tests.ocr.written import written


@pytest.mark.parametrize("size", [10, 16, 24, 40])
def test_letter_height_follows_the_print(size: int) -> None:
    height = letter_height(written(size))
    assert height is not None
    assert 0.4 * size <= height <= 0.8 * size  # between small and capital letters


def test_letter_height_is_the_same_on_a_dark_table() -> None:
    page = written(16)
    on_paper, on_table = letter_height(page), letter_height(ImageOps.expand(page, border=150, fill=30))
    assert on_table == pytest.approx(on_paper, abs=1)


def test_letter_height_of_a_blank_page_is_unknown() -> None:
    assert letter_height(Image.new("L", (800, 1000), 250)) is None


def test_rows_of_pixels_are_printed_where_the_lines_stand() -> None:
    canvas = Canvas(800, 400)
    canvas.write("First line", (40, 100), 24)
    canvas.write("Second line", (40, 300), 24)
    page = canvas.finish()
    printed = print_by_row(page.image.convert("L"))
    assert len(printed) == 400
    for word in page.words:
        assert printed[round(word.box.top) + 2 : round(word.box.bottom) - 2].all()
    assert not printed[130:270].any()
    assert not printed[330:].any()


def test_a_rule_down_the_page_is_no_print() -> None:
    page = Image.new("L", (800, 400), 255)
    ImageDraw.Draw(page).line([(400, 0), (400, 399)], fill=0, width=3)
    assert not print_by_row(page).any()

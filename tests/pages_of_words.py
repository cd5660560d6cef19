"""Pages made of words, for tests that need no image."""

from collections.abc import Sequence

from backend.document.geometry import Box
from backend.document.page import Page, Word

WORD_WIDTH, WORD_HEIGHT, GAP, ROW = 50, 20, 8, 30


def page_of_rows(*rows: Sequence[str], width: int = 1000, height: int = 1000) -> Page:
    """A page with one segment a row, its words beside each other from the left edge; "" leaves a wide gap."""
    words: list[Word] = []
    segment = 0
    for number, row in enumerate(rows):
        for column, text in enumerate(row):
            if not text:
                segment += 1
                continue
            left, top = 20 + column * (WORD_WIDTH + GAP), 20 + number * ROW
            words.append(Word(text, Box(left, top, left + WORD_WIDTH, top + WORD_HEIGHT), 0.9, segment))
        segment += 1
    return Page(width, height, tuple(words))

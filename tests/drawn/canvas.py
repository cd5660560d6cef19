"""A white page on which every word that is written is also noted with its box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from backend.document.geometry import Box, union
from backend.document.page import Word
from backend.document.region import LabelledBox

INK = (20, 20, 20)
RULE = (120, 120, 120)
LINE_SPACING = 1.45
PADDING_PX = 3


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """A page whose truth is known.

    Attributes:
        image: RGB.
        words: as drawn, in the order of drawing; boxes fit the ink.
        boxes: what a person would have annotated.
    """

    image: Image.Image
    words: list[Word]
    boxes: list[LabelledBox]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image.size


class Canvas:
    """The page while it is drawn."""

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (width, height), "white")
        self._draw = ImageDraw.Draw(self._image)
        self._words: list[Word] = []
        self._boxes: list[LabelledBox] = []

    def write(self, text: str, at: tuple[float, float], size: int) -> list[Word]:
        """The words of one line, written from `at` = (left, baseline) in pixels."""
        left, baseline = at
        font = _font(size)
        written = []
        for word in text.split():
            self._draw.text((left, baseline), word, font=font, fill=INK, anchor="ls")
            ink = self._draw.textbbox((left, baseline), word, font=font, anchor="ls")
            written.append(Word(word, Box(*ink), confidence=1.0))
            left += font.getlength(word + " ")
        self._words += written
        return written

    def write_block(self, lines: Sequence[str], at: tuple[float, float], size: int) -> list[Word]:
        """The words of several lines below each other; `at` is left and the first baseline."""
        left, baseline = at
        step = size * LINE_SPACING
        return [
            word for row, line in enumerate(lines) for word in self.write(line, (left, baseline + row * step), size)
        ]

    def write_centered(self, text: str, baseline: float, size: int) -> list[Word]:
        return self.write(text, ((self._image.width - text_width(text, size)) / 2, baseline), size)

    def write_right(self, text: str, at: tuple[float, float], size: int) -> list[Word]:
        """The words of one line that ends at `at` = (right, baseline)."""
        return self.write(text, (at[0] - text_width(text, size), at[1]), size)

    def rule(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self._draw.line([start, end], fill=RULE, width=1)

    def annotate(self, label: str, words: Sequence[Word]) -> None:
        """Note a person's box around these words, a little wider than the ink as hands draw it."""
        box = union(word.box for word in words)
        padded = Box(box.left - PADDING_PX, box.top - PADDING_PX, box.right + PADDING_PX, box.bottom + PADDING_PX)
        self._boxes.append(LabelledBox(label, padded.clipped(*self._image.size)))

    def finish(self) -> DrawnPage:
        return DrawnPage(self._image, self._words, self._boxes)


def text_width(text: str, size: int) -> float:
    """Width in pixels of one line."""
    return float(_font(size).getlength(text))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    # Without FreeType Pillow gives a tiny bitmap font that knows no sizes.
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("drawn pages need a Pillow with FreeType, as its wheels are")
    return font

"""The image that the OCR engine gets: grey, at a size at which it reads well.

Tesseract misreads letters of ten pixels and less, so small scans are doubled; very large ones are made smaller.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from PIL import Image

from backend.errors import TaskError
from backend.ocr.ink import letter_height

SMALL_LETTER_PX = 11
ENLARGEMENT = 2.0  # 1.5 reads less; larger letters gain nothing from it and cost twice as much
MOST_PIXELS = 12_000_000  # A4 at 350 dpi; larger scans take long and read no better
LONGEST_SIDE_PX = 32_000  # Tesseract refuses 32 767
LEAST_READABLE_PX = 8  # no letter fits on a page that is lower or narrower, and Tesseract fails on it


@dataclass(frozen=True, slots=True)
class Scan:
    """A grey image of a page or of a strip across it.

    Attributes:
        factor_x: how much larger than the page it is, across; `factor_y`: down.
        top: rows of the scanned page above a strip.
    """

    image: Image.Image
    factor_x: float
    factor_y: float
    top: int = 0


def to_scan(page: Image.Image) -> Scan:
    """The page at the size at which it is read best.

    Raises:
        TaskError: the page is so long and narrow that nothing could be read at the size the engine takes.
    """
    grey = page.convert("L")
    factor = _factor(grey)
    width, height = (max(1, round(side * factor)) for side in grey.size)
    if factor < 1 and min(width, height) < LEAST_READABLE_PX <= min(grey.size):
        raise TaskError(
            "ocr_refused_size",
            f"the image of {grey.width} x {grey.height} pixels is too long and narrow to be read",
            "cut it into pages",
        )
    if (width, height) != grey.size:
        grey = grey.resize((width, height), Image.Resampling.BICUBIC)
    return Scan(grey, width / page.width, height / page.height)


def reduced(page: Image.Image) -> Image.Image:
    """The page as it is, or made smaller where it has more pixels than any engine reads better for."""
    factor = math.sqrt(MOST_PIXELS / (page.width * page.height))
    if factor >= 1:
        return page
    return page.resize((round(page.width * factor), round(page.height * factor)), Image.Resampling.BICUBIC)


def _factor(grey: Image.Image) -> float:
    most = min(math.sqrt(MOST_PIXELS / (grey.width * grey.height)), LONGEST_SIDE_PX / max(grey.size))
    if most <= 1:
        return most
    letters = letter_height(grey)
    return min(most, ENLARGEMENT) if letters is not None and letters < SMALL_LETTER_PX else 1.0

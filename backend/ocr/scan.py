"""The image that the OCR engine gets: grey, at a size at which it reads well.

Tesseract misreads letters of ten pixels and less, so small scans are doubled; very large ones are made smaller.
How high the letters are is estimated from the ink itself, because images seldom say how they were scanned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from backend.errors import TaskError

SMALL_LETTER_PX = 11
ENLARGEMENT = 2.0  # 1.5 reads less; larger letters gain nothing from it and cost twice as much
MOST_PIXELS = 12_000_000  # A4 at 350 dpi; larger scans take long and read no better
LONGEST_SIDE_PX = 32_000  # Tesseract refuses 32 767
LEAST_READABLE_PX = 8  # no letter fits on a page that is lower or narrower, and Tesseract fails on it

BACKGROUND_CELL_PX = 16
INK_SHARE = 0.7  # ink is darker than this share of the paper around it
LEAST_RUN_PX, LONGEST_RUN_PX = 3, 60  # shorter ones are specks, longer ones rules and pictures
LEAST_RUNS = 50
LETTER_QUANTILE = 0.7


@dataclass(frozen=True, slots=True)
class Scan:
    """A grey image and how much larger than the page it is, across and down."""

    image: Image.Image
    factor_x: float
    factor_y: float


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


def letter_height(grey: Image.Image) -> int | None:
    """About how high the letters are in pixels; None where there is too little ink to say.

    The runs of ink down each column are strokes: the short ones are cut across, the long ones are whole letters. Each
    run counts by its length, and most of the ink above the quantile belongs to whole letters.
    """
    runs = _column_runs(_ink(grey))
    runs = np.sort(runs[(runs >= LEAST_RUN_PX) & (runs <= LONGEST_RUN_PX)])
    if len(runs) < LEAST_RUNS:
        return None
    ink = np.cumsum(runs)
    return int(runs[np.searchsorted(ink, LETTER_QUANTILE * ink[-1])])


def _factor(grey: Image.Image) -> float:
    most = min(math.sqrt(MOST_PIXELS / (grey.width * grey.height)), LONGEST_SIDE_PX / max(grey.size))
    if most <= 1:
        return most
    letters = letter_height(grey)
    return min(most, ENLARGEMENT) if letters is not None and letters < SMALL_LETTER_PX else 1.0


def _ink(grey: Image.Image) -> NDArray[np.bool_]:
    """(height, width): where the page is darker than the paper around it, shadows and dark margins left out."""
    cells = (max(1, grey.width // BACKGROUND_CELL_PX), max(1, grey.height // BACKGROUND_CELL_PX))
    # Brightest, then darkest of the cells around: print vanishes, the edges of dark tables stay where they are.
    paper = grey.resize(cells, Image.Resampling.BOX).filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.MinFilter(5))
    threshold = paper.point(lambda level: level * INK_SHARE).resize(grey.size, Image.Resampling.BILINEAR)
    ink: NDArray[np.bool_] = np.asarray(grey) < np.asarray(threshold)
    return ink


def _column_runs(ink: NDArray[np.bool_]) -> NDArray[np.intp]:
    """(R,): the lengths in pixels of all unbroken runs of ink down the columns."""
    padded = np.pad(ink, ((1, 1), (0, 0))).astype(np.int8)
    steps = np.diff(padded, axis=0).T.ravel()  # column by column, so starts and ends come in pairs
    return np.flatnonzero(steps == -1) - np.flatnonzero(steps == 1)

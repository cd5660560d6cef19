"""Where the ink of a page is, and how high its letters are: images seldom say how they were scanned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

BACKGROUND_CELL_PX = 16
INK_SHARE = 0.7  # ink is darker than this share of the paper around it
LEAST_RUN_PX, LONGEST_RUN_PX = 3, 60  # shorter ones are specks, longer ones rules and pictures
LEAST_RUNS = 50
LETTER_QUANTILE = 0.7


def letter_height(grey: Image.Image) -> int | None:
    """About how high the letters are in pixels; None where there is too little ink to say.

    The runs of ink down each column are strokes: the short ones are cut across, the long ones are whole letters. Each
    run counts by its length, and most of the ink above the quantile belongs to whole letters.
    """
    starts, ends = _strokes(grey)
    runs = np.sort(ends - starts)
    if len(runs) < LEAST_RUNS:
        return None
    ink = np.cumsum(runs)
    return int(runs[np.searchsorted(ink, LETTER_QUANTILE * ink[-1])])


def print_by_row(grey: Image.Image) -> NDArray[np.intp]:
    """(height,): how many strokes of letters cross each row of pixels; specks, rules and pictures do not count."""
    starts, ends = _strokes(grey)
    steps = np.bincount(starts, minlength=grey.height + 1) - np.bincount(ends, minlength=grey.height + 1)
    return np.cumsum(steps)[:-1]


def _ink(grey: Image.Image) -> NDArray[np.bool_]:
    """(height, width): where the page is darker than the paper around it, shadows and dark margins left out."""
    cells = (max(1, grey.width // BACKGROUND_CELL_PX), max(1, grey.height // BACKGROUND_CELL_PX))
    # Brightest, then darkest of the cells around: print vanishes, the edges of dark tables stay where they are.
    paper = grey.resize(cells, Image.Resampling.BOX).filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.MinFilter(5))
    threshold = paper.point(lambda level: level * INK_SHARE).resize(grey.size, Image.Resampling.BILINEAR)
    ink: NDArray[np.bool_] = np.asarray(grey) < np.asarray(threshold)
    return ink


def _strokes(grey: Image.Image) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(R,) and (R,): first row, and row after the last, of the runs of ink down the columns that may be letters."""
    padded = np.pad(_ink(grey), ((1, 1), (0, 0))).astype(np.int8)
    steps = np.diff(padded, axis=0).T.ravel()  # column by column, so starts and ends come in pairs
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    runs = ends - starts
    letters = (runs >= LEAST_RUN_PX) & (runs <= LONGEST_RUN_PX)
    return starts[letters] % (grey.height + 1), ends[letters] % (grey.height + 1)

"""A page in two strips, parted where nothing is printed, so that two processes read it at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from backend.ocr.ink import LEAST_RUNS, print_by_row
from backend.ocr.scan import Scan

MIDDLE = 0.38, 0.62  # share of the print above the cut: strips of very different work save little
SMALLER = 2  # rows are looked at in half the size, which takes a quarter of the time
LEAST_GAP_PX = 4  # of the smaller size; less may part a letter from its dot


def two_strips(scan: Scan) -> tuple[Scan, Scan] | None:
    """A whole page above and below the widest gap in the middle of its print; None where there is no such gap."""
    gap = _widest_gap(print_by_row(scan.image.reduce(SMALLER)))
    if gap is None:
        return None
    row, (width, height) = gap * SMALLER, scan.image.size
    above, below = scan.image.crop((0, 0, width, row)), scan.image.crop((0, row, width, height))
    return replace(scan, image=above), replace(scan, image=below, top=row)


def _widest_gap(print_in_row: NDArray[np.intp]) -> int | None:
    """The middle row of the widest gap that begins between the two shares of the print."""
    above = np.cumsum(print_in_row)
    if above[-1] < LEAST_RUNS:
        return None
    first, last = np.searchsorted(above, np.multiply(MIDDLE, above[-1]))
    printed = np.flatnonzero(print_in_row)
    printed = printed[(printed >= first) & (printed <= last)]
    gaps = np.diff(printed)
    if not len(gaps) or gaps.max() <= LEAST_GAP_PX:
        return None
    widest = int(gaps.argmax())
    return int(printed[widest] + printed[widest + 1] + 1) // 2

"""A page and the words that OCR read on it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backend.document.geometry import Box


@dataclass(frozen=True, slots=True)
class Word:
    """One word as OCR read it.

    Attributes:
        text: never empty, no white space inside.
        box: page pixels.
        confidence: of the OCR engine, 0 to 1.
        segment: number of the line segment the word stands in, counted from 0 in reading order; the words of a
            segment follow each other on one row without a large gap.
    """

    text: str
    box: Box
    confidence: float
    segment: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """An upright page: its size in pixels and its words in reading order.

    Attributes:
        picture: (3, 224, 224) uint8, the whole page as visual models see it; None where nobody asked for it.
    """

    width: int
    height: int
    words: tuple[Word, ...]
    picture: NDArray[np.uint8] | None = field(default=None, compare=False, repr=False)

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height


@dataclass(frozen=True, slots=True)
class PageRef:
    """Where a page's image is to be had.

    Attributes:
        task_id: Label Studio's task.
        index: place of the page in its task, 0 for tasks of one page.
        url: as stored in the task's data: upload path, local-files path, cloud URI, web address or data URI.
    """

    task_id: int
    index: int
    url: str

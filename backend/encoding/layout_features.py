"""What the CRF is told of the place of a word: on the page, in its segment and row, and what stands around it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from statistics import median

import numpy as np
from numpy.typing import NDArray

from backend.document.geometry import Corners, corners
from backend.document.page import Page, Word

PLACES = 6
"""Steps across and down the page."""
GAP_STEPS = (0.3, 0.7, 1.2, 3.0, 8.0)
"""Of the blank space beside a word, in usual heights of a word."""
ROW_REACH = 8
"""Words before and after a word in reading order that may stand on its row."""
ABOVE_REACH = 25
"""Words before a word in reading order that may stand above it."""

Features = list[str]
Run = list[int]
"""Words in reading order, by index."""
Pairs = NDArray[np.bool_]
Stands = Callable[[Corners, Corners], Pairs]
"""Whether words stand to others in a certain way, by their boxes (..., 4)."""


def layout_features(page: Page) -> list[Features]:
    """For each word: where on the page, in which segment, how high its letters, how far its neighbours."""
    if not page.words:
        return []
    usual = median(word.box.height for word in page.words) or 1.0
    segments = _segments(page.words)
    found: list[Features] = []
    for number, segment in enumerate(segments):
        for place, at in enumerate(segment):
            word = page.words[at]
            x, y = word.box.center
            found.append(
                [
                    f"x={min(PLACES - 1, int(PLACES * x / page.width))}",
                    f"y={min(PLACES - 1, int(PLACES * y / page.height))}",
                    f"height={min(4, round(2 * word.box.height / usual))}",
                    f"top={min(6, number)}",
                    f"end={min(6, len(segments) - 1 - number)}",
                    f"segment={min(5, len(segment))}",
                    f"opens={place == 0}",
                    f"closes={place == len(segment) - 1}",
                    f"at={min(4, place)}",
                    f"back={min(4, len(segment) - 1 - place)}",
                ]
            )
    for row in _rows(page.words):
        for left, right in pairwise(row):
            step = bisect_right(GAP_STEPS, (page.words[right].box.left - page.words[left].box.right) / usual)
            found[left].append(f"gap right={step}")
            found[right].append(f"gap left={step}")
    return found


def surroundings(page: Page, texts: Sequence[str], shapes: Sequence[str]) -> list[Features]:
    """For each word what others say: those beside it, above it, in its segment, and in the rows above and below.

    Args:
        texts, shapes: (W,) of each word.
    """
    words = page.words
    found = [
        [*beside, *(f"above:{texts[other]}" for other in above[-3:])]
        for beside, above in zip(
            _beside_features(words, texts, shapes), _earlier(words, ABOVE_REACH, _above), strict=True
        )
    ]
    for segment in _segments(words):
        first, last = segment[0], segment[-1]
        colon = words[last].text.endswith(":")
        told = [f"first={texts[first]}", f"last={texts[last]}", f"ends with colon={colon}"]
        told += [f"first shape={shapes[first][:4]}", f"last shape={shapes[last][:4]}"]
        for at in segment:
            found[at] += told
    for upper, lower in pairwise(_rows(words)):
        for where, row, other in (("up", lower, upper), ("down", upper, lower)):
            told = [f"{where}:{text}" for text in sorted({texts[at] for at in other}) if not _has_digit(text)]
            for at in row:
                found[at] += told
    return found


def _segments(words: Sequence[Word]) -> list[Run]:
    return [list(run) for _, run in groupby(range(len(words)), key=lambda at: words[at].segment)]


def _rows(words: Sequence[Word]) -> list[Run]:
    """Segments side by side: one that does not begin to the right of the one before begins a row."""
    rows: list[Run] = []
    for segment in _segments(words):
        if rows and words[segment[0]].box.left >= words[rows[-1][-1]].box.right:
            rows[-1] += segment
        else:
            rows.append(segment)
    return rows


def _beside_features(words: Sequence[Word], texts: Sequence[str], shapes: Sequence[str]) -> list[Features]:
    lefts = _earlier(words, ROW_REACH, _beside)
    rights: list[Run] = [[] for _ in words]
    for at, left in enumerate(lefts):
        for other in left:
            rights[other].append(at)
    return [
        [
            *(f"left:{texts[other]}" for other in left),
            *(f"right:{shapes[other]}" for other in right[:3]),
            "not leftmost" if left else "leftmost",
            "not rightmost" if right else "rightmost",
        ]
        for left, right in zip(lefts, rights, strict=True)
    ]


def _earlier(words: Sequence[Word], reach: int, stands: Stands) -> list[Run]:
    """For each word those of the `reach` words before it that stand to it in a certain way, in reading order."""
    found: list[Run] = [[] for _ in words]
    boxes = corners(word.box for word in words)
    others = np.arange(len(words))[:, None] - np.arange(reach, 0, -1)  # (W, reach)
    # A word before the first one is taken to be the first, and left out afterwards.
    pairs = (others >= 0) & stands(boxes[np.maximum(others, 0)], boxes[:, None])
    for at, place in np.argwhere(pairs).tolist():
        found[at].append(at - reach + place)
    return found


def _beside(other: Corners, word: Corners) -> Pairs:
    overlap = np.minimum(other[..., 3], word[..., 3]) - np.maximum(other[..., 1], word[..., 1])
    pairs: Pairs = overlap > 0.5 * np.minimum(_heights(other), _heights(word))
    return pairs


def _above(other: Corners, word: Corners) -> Pairs:
    gap = word[..., 1] - other[..., 3]
    across = np.minimum(other[..., 2], word[..., 2]) - np.maximum(other[..., 0], word[..., 0])
    pairs: Pairs = (across > 0) & (-0.3 * _heights(word) <= gap) & (gap <= 1.5 * _heights(word))
    return pairs


def _heights(boxes: Corners) -> Corners:
    heights: Corners = np.maximum(boxes[..., 3] - boxes[..., 1], 0.0)
    return heights


def _has_digit(text: str) -> bool:
    return any(char.isdigit() for char in text)

"""What the CRF is told of the place of a word: on the page, in its segment and row, and what stands around it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import groupby, pairwise
from statistics import median

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
"""Words that follow each other in reading order, by index."""


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
        [*_beside_features(words, at, texts, shapes), *_above_features(words, at, texts)] for at in range(len(words))
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


def _beside_features(words: Sequence[Word], at: int, texts: Sequence[str], shapes: Sequence[str]) -> Features:
    left = [other for other in range(max(0, at - ROW_REACH), at) if _beside(words[other], words[at])]
    after = range(at + 1, min(len(words), at + 1 + ROW_REACH))
    right = [other for other in after if _beside(words[other], words[at])]
    return [
        *(f"left:{texts[other]}" for other in left),
        *(f"right:{shapes[other]}" for other in right[:3]),
        "not leftmost" if left else "leftmost",
        "not rightmost" if right else "rightmost",
    ]


def _above_features(words: Sequence[Word], at: int, texts: Sequence[str]) -> Features:
    above = [other for other in range(max(0, at - ABOVE_REACH), at) if _above(words[other], words[at])]
    return [f"above:{texts[other]}" for other in above[-3:]]


def _beside(other: Word, word: Word) -> bool:
    overlap = min(other.box.bottom, word.box.bottom) - max(other.box.top, word.box.top)
    return overlap > 0.5 * min(other.box.height, word.box.height)


def _above(other: Word, word: Word) -> bool:
    gap = word.box.top - other.box.bottom
    across = min(other.box.right, word.box.right) - max(other.box.left, word.box.left)
    return across > 0 and -0.3 * word.box.height <= gap <= 1.5 * word.box.height


def _has_digit(text: str) -> bool:
    return any(char.isdigit() for char in text)

"""Reading order and line segments.

A segment is a run of words on one row without a large gap; it is what people see as one piece of a line, such as a
question or a cell of a table. Rows are read from top to bottom over the whole width of the page, the segments of a row
from left to right.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from statistics import median

from backend.document.geometry import Box
from backend.document.page import Word

GAP_HEIGHTS = 1.2  # a wider gap ends a segment; in heights of the taller word beside it
LEAST_OVERLAP = 0.5  # of the lower word's height: how much two neighbours must have in common
ROW_DISTANCE = 0.5  # of the lower one's height: how far apart the middles of one row's segments may be
SKEW_WORDS = 3  # shorter segments say nothing about the page's skew
SKEW_SEGMENTS = 3  # a page with fewer such segments is taken as straight
LARGEST_SKEW = 0.1  # rise over run, about 6 degrees


def arrange(words: Iterable[Word]) -> tuple[Word, ...]:
    """The words in reading order, numbered by segment.

    The order in which the words come does not matter. Pages may be skewed by a few degrees.
    """
    segments = _segments(sorted(words, key=_from_left))
    slope = _slope(segments)
    ordered = [segment for row in _rows(segments, slope) for segment in row.from_left()]
    return tuple(replace(word, segment=number) for number, segment in enumerate(ordered) for word in segment.words)


@dataclass(slots=True)
class _Segment:
    """Words of one row from left to right; never empty."""

    words: list[Word]


@dataclass(slots=True)
class _Row:
    """Segments beside each other, with the sums of their middles and heights once the page's skew is taken out.

    Sums, because a row is asked once for each segment that comes.
    """

    segments: list[_Segment] = field(default_factory=list)
    middles: float = 0.0
    heights: float = 0.0

    def add(self, segment: _Segment, middle: float, height: float) -> None:
        self.segments.append(segment)
        self.middles += middle
        self.heights += height

    def holds(self, middle: float, height: float) -> bool:
        count = len(self.segments)
        return abs(middle - self.middles / count) <= ROW_DISTANCE * min(height, self.heights / count)

    def from_left(self) -> list[_Segment]:
        return sorted(self.segments, key=lambda segment: _from_left(segment.words[0]))


def _segments(words: list[Word]) -> list[_Segment]:
    """Chains of neighbours; `words` come from left to right.

    The page is cut into stripes that remember which segment reached them last. A word looks for its left neighbour in
    its own stripes only, so the work grows with the number of words. Stripes are lower than words, so that every
    segment has one of its own between the rows above and below.
    """
    segments: list[_Segment] = []
    if not words:
        return segments
    stripe = max(1.0, median(word.box.height for word in words) / 2)
    last_in_stripe: dict[int, _Segment] = {}
    for word in words:
        crossed = range(math.floor(word.box.top / stripe), math.floor(word.box.bottom / stripe) + 1)
        near = [last_in_stripe[number] for number in crossed if number in last_in_stripe]
        fitting = [segment for segment in near if follows(segment.words[-1].box, word.box)]
        if fitting:
            segment = max(fitting, key=lambda candidate: _common_height(candidate.words[-1].box, word.box))
            segment.words.append(word)
        else:
            segment = _Segment([word])
            segments.append(segment)
        last_in_stripe.update(dict.fromkeys(crossed, segment))
    return segments


def follows(left: Box, right: Box) -> bool:
    """Whether the right box continues the line of the left one."""
    taller, lower = max(left.height, right.height), min(left.height, right.height)
    common = _common_height(left, right)
    return common > 0 and common >= LEAST_OVERLAP * lower and abs(right.left - left.right) <= GAP_HEIGHTS * taller


def _slope(segments: list[_Segment]) -> float:
    """Rise over run of the page's lines, down and to the right is positive."""
    slopes = []
    for segment in segments:
        first, last = segment.words[0].box, segment.words[-1].box
        run = last.center[0] - first.center[0]
        if len(segment.words) >= SKEW_WORDS and run > 0:
            slopes.append((_middle(last) - _middle(first)) / run)
    if len(slopes) < SKEW_SEGMENTS:
        return 0.0
    return max(-LARGEST_SKEW, min(LARGEST_SKEW, median(slopes)))


def _rows(segments: list[_Segment], slope: float) -> list[_Row]:
    """The segments by row from top to bottom."""
    if not segments:
        return []
    usual = median(word.box.height for segment in segments for word in segment.words)
    placed = []
    for segment in segments:
        falls = [(word.box, slope * word.box.center[0]) for word in segment.words]
        top = min(box.top - fall for box, fall in falls)
        bottom = max(box.bottom - fall for box, fall in falls)
        # A dot or a dash is as high as the print it belongs to.
        placed.append(((top + bottom) / 2, max(bottom - top, usual), segment))
    rows: list[_Row] = []
    for middle, height, segment in sorted(placed, key=lambda item: (item[0], _from_left(item[2].words[0]))):
        if not rows or not rows[-1].holds(middle, height):
            rows.append(_Row())
        rows[-1].add(segment, middle, height)
    return rows


def _from_left(word: Word) -> tuple[float, float, float, float, str, float]:
    """A total order, so that the result does not depend on the order in which the words come."""
    return word.box.left, word.box.top, word.box.right, word.box.bottom, word.text, word.confidence


def _middle(box: Box) -> float:
    return box.center[1]


def _common_height(one: Box, other: Box) -> float:
    return min(one.bottom, other.bottom) - max(one.top, other.top)

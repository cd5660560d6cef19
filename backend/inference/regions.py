"""Word probabilities to labelled regions.

Reading order goes row by row, so the lines of one region need not follow each other: on a form the rows of two columns
alternate. Tags are therefore read this way: a word that begins a region is tagged B, every other word of it I, wherever
it stands. Decoding finds the likeliest tags, builds pieces of rows from them and then joins a piece that goes on (I) to
the nearest piece of its label; a piece that begins (B) stands for itself. Of a label that people draw once on a page
one region is proposed (`once.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.document.geometry import Box, union
from backend.document.label_set import OUTSIDE, LabelSet, is_begin
from backend.document.page import Page
from backend.document.region import Region
from backend.inference.once import likeliest, raised
from backend.inference.viterbi import likeliest_tags

Probabilities = NDArray[np.float32]

LARGEST_LINE_GAP = 1.2
"""Blank space between two lines of one region, in heights of a line."""
LARGEST_WORD_GAP = 8.0
"""Blank space between two words of one region on one row, in heights of a word."""


@dataclass(slots=True)
class _Group:
    """Words of one region so far; `last` is its newest piece, the one that more can be joined to."""

    label: int
    words: list[int]
    last: Box


def decode_regions(page: Page, probabilities: Probabilities, label_set: LabelSet) -> list[Region]:
    """The regions of a page, in reading order of their first words.

    Args:
        probabilities: (W, C) each word's distribution over the tags of the label set.
    """
    if not page.words or not label_set.names:
        return []
    found = likeliest(_regions(page, probabilities, label_set, probabilities), label_set)
    missing = set(label_set.once) - {region.label for region in found}
    lifted = raised(probabilities, missing, label_set)
    if lifted is not None:
        again = likeliest(_regions(page, lifted, label_set, probabilities), label_set)
        found += [region for region in again if region.label in missing]
    return sorted(found, key=lambda region: region.words)


def _regions(page: Page, probabilities: Probabilities, label_set: LabelSet, for_scores: Probabilities) -> list[Region]:
    """The regions of a page whatever label there may be how often; `for_scores` is what their scores come from."""
    by_label = for_scores[:, 1::2] + for_scores[:, 2::2]  # (W, labels)
    tags = likeliest_tags(probabilities, [word.segment for word in page.words])  # (W,)

    groups: list[_Group] = []
    for piece in _pieces(page, tags):
        box = union(page.words[at].box for at in piece)
        label = (int(tags[piece[0]]) - 1) // 2
        home = None if is_begin(int(tags[piece[0]])) else _nearest(groups, label, box)
        if home is None:
            groups.append(_Group(label, list(piece), box))
        else:
            home.words += piece
            home.last = box
    return [_region(page, group, by_label, label_set) for group in groups]


def _pieces(page: Page, tags: NDArray[np.int64]) -> Iterable[list[int]]:
    """Runs of words of one label in one line segment; a word that begins a region begins a run."""
    piece: list[int] = []
    for at, word in enumerate(page.words):
        goes_on = bool(piece) and tags[at] > OUTSIDE and not is_begin(int(tags[at]))
        if piece and not (goes_on and word.segment == page.words[piece[-1]].segment):
            yield piece
            piece = []
        if tags[at] > OUTSIDE:
            piece = [*piece, at]
    if piece:
        yield piece


def _nearest(groups: list[_Group], label: int, box: Box) -> _Group | None:
    """The group of this label whose newest piece is beside or just above the box; the closest of several."""
    found: tuple[float, _Group] | None = None
    for group in groups:
        if group.label != label:
            continue
        distance = _distance(group.last, box)
        if distance is not None and (found is None or distance < found[0]):
            found = (distance, group)
    return found[1] if found else None


def _distance(above: Box, box: Box) -> float | None:
    """Blank space between a piece and a later one in line heights, None when they cannot belong together."""
    lower, higher = sorted((above.height, box.height))
    line = max(1.0, higher)  # of two, the higher is the line: specks and full stops are low
    overlap_y = min(above.bottom, box.bottom) - max(above.top, box.top)
    if overlap_y > 0.5 * lower:
        gap = max(box.left - above.right, above.left - box.right, 0.0) / line
        return gap if gap <= LARGEST_WORD_GAP else None
    overlap_x = min(above.right, box.right) - max(above.left, box.left)
    gap = (box.top - above.bottom) / line
    if overlap_x > 0 and -0.5 <= gap <= LARGEST_LINE_GAP:
        return max(0.0, gap)
    return None


def _region(page: Page, group: _Group, by_label: Probabilities, label_set: LabelSet) -> Region:
    words = tuple(sorted(group.words))
    return Region(
        label=label_set.names[group.label],
        box=union(page.words[at].box for at in words),
        text=" ".join(page.words[at].text for at in words),
        score=float(by_label[list(words), group.label].mean()),
        words=words,
    )


def page_score(probabilities: Probabilities) -> float:
    """How sure the model is of a page as a whole, 0 to 1; low for the pages that teach most.

    The mean of the least sure tenth of the words, where a word's sureness is its highest probability: an annotator
    learns where the model hesitates, and most words of any page are easy background.
    """
    if len(probabilities) == 0:
        return 0.0
    sureness = np.sort(probabilities.max(axis=1))
    return float(sureness[: max(1, len(sureness) // 10)].mean())

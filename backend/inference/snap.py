"""What somebody draws, pulled to the words under it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from backend.document.geometry import Box, union
from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.document.region import Region

LEAST_SHARE = 0.4
"""Share of a word's area under the drawn box for the word to be meant."""
LEAST_STROKE_SHARE = 0.5
"""The same for a box that is smaller than the words, of the shorter of both sides each way: a stroke along a line."""


def words_under(page: Page, drawn: Box) -> tuple[int, ...]:
    """The words that a drawn box means, as indices in reading order; those of the line under a point."""
    if not drawn.area:
        return _line_at(page, *drawn.center)
    covered = tuple(
        at
        for at, word in enumerate(page.words)
        if word.box.area and word.box.intersection(drawn).area / word.box.area >= LEAST_SHARE
    )
    return covered or tuple(at for at, word in enumerate(page.words) if _is_struck(word.box, drawn))


def snapped(page: Page, words: Sequence[int], label: str) -> Region:
    """One or more words of a page as a region; its score is how sure OCR is of them."""
    meant = [page.words[at] for at in words]
    return Region(
        label=label,
        box=union(word.box for word in meant),
        text=" ".join(word.text for word in meant),
        score=sum(word.confidence for word in meant) / len(meant),
        words=tuple(words),
    )


def likeliest_labels(
    words: Sequence[int], probabilities: NDArray[np.float32], label_set: LabelSet
) -> Iterator[tuple[str, float]]:
    """The labels of some words with their mean probability, the likeliest first.

    That there is something is known, for somebody drew a box; so it does not count how likely there is nothing.

    Args:
        probabilities: (W, C) each word's distribution over the tags of the label set.
    """
    by_label = probabilities[list(words), 1::2] + probabilities[list(words), 2::2]  # (words, labels)
    means = by_label.mean(axis=0)  # (labels,)
    for at in np.argsort(-means, kind="stable"):
        yield label_set.names[at], float(means[at])


def _line_at(page: Page, x: float, y: float) -> tuple[int, ...]:
    """The words of the line segment that has a word under the point."""
    hit = next(
        (
            word.segment
            for word in page.words
            if word.box.left <= x < word.box.right and word.box.top <= y < word.box.bottom
        ),
        None,
    )
    return tuple(at for at, word in enumerate(page.words) if word.segment == hit)


def _is_struck(word: Box, drawn: Box) -> bool:
    common = word.intersection(drawn)
    return (
        common.area > 0
        and common.width >= LEAST_STROKE_SHARE * min(word.width, drawn.width)
        and common.height >= LEAST_STROKE_SHARE * min(word.height, drawn.height)
    )

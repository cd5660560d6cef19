"""A box drawn by hand, pulled to the words under it."""

from __future__ import annotations

from backend.document.geometry import union
from backend.document.page import Page
from backend.document.region import LabelledBox, Region

LEAST_SHARE = 0.4
"""Share of a word's area under the drawn box for the word to be meant."""


def snap(page: Page, drawn: LabelledBox) -> Region | None:
    """The drawn box as the union of the words it covers, with their text; None where it covers no word."""
    covered = tuple(
        at
        for at, word in enumerate(page.words)
        if word.box.area and word.box.intersection(drawn.box).area / word.box.area >= LEAST_SHARE
    )
    if not covered:
        return None
    words = [page.words[at] for at in covered]
    return Region(
        label=drawn.label,
        box=union(word.box for word in words),
        text=" ".join(word.text for word in words),
        score=sum(word.confidence for word in words) / len(words),
        words=covered,
    )

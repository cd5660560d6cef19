"""How well regions match what people drew: precision, recall and F1 per label.

A region is right when it has the label of a person's box and overlaps it with IoU >= 0.5, each box used once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.document.geometry import areas, common_areas, corners
from backend.document.region import LabelledBox, Region

LEAST_IOU = 0.5

Pair = tuple[Region | None, LabelledBox | None]


@dataclass(frozen=True, slots=True)
class Counts:
    """Regions of one label: right ones, those proposed and those drawn by people."""

    right: int = 0
    proposed: int = 0
    drawn: int = 0

    @property
    def precision(self) -> float:
        return self.right / self.proposed if self.proposed else 0.0

    @property
    def recall(self) -> float:
        return self.right / self.drawn if self.drawn else 0.0

    @property
    def f1(self) -> float:
        total = self.proposed + self.drawn
        return 2 * self.right / total if total else 0.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.right + other.right, self.proposed + other.proposed, self.drawn + other.drawn)


@dataclass(frozen=True, slots=True)
class Scores:
    """Counts by label over some pages."""

    by_label: dict[str, Counts]
    pages: int

    @property
    def micro(self) -> Counts:
        """All labels together: each region counts the same."""
        return sum(self.by_label.values(), Counts())

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the labels people have drawn: each label counts the same."""
        drawn = [counts.f1 for counts in self.by_label.values() if counts.drawn]
        return sum(drawn) / len(drawn) if drawn else 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "pages": self.pages,
            "micro": _figures(self.micro),
            "macro_f1": round(self.macro_f1, 4),
            "labels": {name: _figures(counts) for name, counts in sorted(self.by_label.items())},
        }


def _figures(counts: Counts) -> dict[str, Any]:
    return {
        "precision": round(counts.precision, 4),
        "recall": round(counts.recall, 4),
        "f1": round(counts.f1, 4),
        "right": counts.right,
        "proposed": counts.proposed,
        "drawn": counts.drawn,
    }


def score_pages(pages: Iterable[tuple[Sequence[Region], Sequence[LabelledBox]]]) -> Scores:
    """Scores over pages of (proposed regions, people's boxes)."""
    return total(score_page(regions, boxes) for regions, boxes in pages)


def score_page(regions: Sequence[Region], boxes: Sequence[LabelledBox]) -> Scores:
    """Scores of one page."""
    right = right_regions(regions, boxes)
    by_label: dict[str, Counts] = {}
    for region, is_right in zip(regions, right, strict=True):
        by_label[region.label] = by_label.get(region.label, Counts()) + Counts(int(is_right), 1, 0)
    for box in boxes:
        by_label[box.label] = by_label.get(box.label, Counts()) + Counts(0, 0, 1)
    return Scores(by_label, 1)


def total(scores: Iterable[Scores]) -> Scores:
    """Scores over all their pages."""
    by_label: dict[str, Counts] = {}
    pages = 0
    for one in scores:
        pages += one.pages
        for label, counts in one.by_label.items():
            by_label[label] = by_label.get(label, Counts()) + counts
    return Scores(by_label, pages)


def right_regions(regions: Sequence[Region], boxes: Sequence[LabelledBox]) -> list[bool]:
    """For each region of a page whether it is right."""
    found = pairs(regions, boxes)[: len(regions)]
    return [box is not None and box.label == region.label for region, (_, box) in zip(regions, found, strict=True)]


def pairs(regions: Sequence[Region], boxes: Sequence[LabelledBox]) -> list[Pair]:
    """Regions and boxes of a page in the same place, one to one; what stands alone is paired with None.

    Pairs of one label come before others, so that these are the right regions; then the best overlap comes first.

    Returns:
        The regions in their order, then the boxes that no region stands for.
    """
    close = sorted(
        (
            (regions[at].label == boxes[other].label, overlap, at, other)
            for at, other, overlap in _overlapping(regions, boxes)
        ),
        reverse=True,
    )
    partner: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, at, other in close:
        if at not in partner and other not in taken:
            partner[at] = other
            taken.add(other)
    found: list[Pair] = [(region, boxes[partner[at]] if at in partner else None) for at, region in enumerate(regions)]
    return found + [(None, box) for other, box in enumerate(boxes) if other not in taken]


def _overlapping(regions: Sequence[Region], boxes: Sequence[LabelledBox]) -> Iterator[tuple[int, int, float]]:
    """Numbers of a region and a box with LEAST_IOU or more, and their IoU."""
    proposed, drawn = corners(region.box for region in regions), corners(box.box for box in boxes)
    common = common_areas(proposed, drawn)  # (R, B)
    whole = areas(proposed)[:, None] + areas(drawn) - common
    overlaps = np.divide(common, whole, out=np.zeros_like(common), where=whole > 0)
    for at, other in np.argwhere(overlaps >= LEAST_IOU).tolist():
        yield at, other, float(overlaps[at, other])

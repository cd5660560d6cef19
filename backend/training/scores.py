"""How well regions match what people drew: precision, recall and F1 per label.

A region is right when it has the label of a person's box and overlaps it with IoU >= 0.5, each box used once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from backend.document.region import LabelledBox, Region

LEAST_IOU = 0.5


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
    by_label: dict[str, Counts] = {}
    count = 0
    for regions, boxes in pages:
        count += 1
        for label in {region.label for region in regions} | {box.label for box in boxes}:
            proposed = [region for region in regions if region.label == label]
            drawn = [box for box in boxes if box.label == label]
            found = Counts(_matches(proposed, drawn), len(proposed), len(drawn))
            by_label[label] = by_label.get(label, Counts()) + found
    return Scores(by_label, count)


def _matches(proposed: Sequence[Region], drawn: Sequence[LabelledBox]) -> int:
    """Pairs matched one to one, best overlap first."""
    overlaps = sorted(
        ((region.box.iou(box.box), at, other) for at, region in enumerate(proposed) for other, box in enumerate(drawn)),
        reverse=True,
    )
    used_regions: set[int] = set()
    used_boxes: set[int] = set()
    for overlap, at, other in overlaps:
        if overlap < LEAST_IOU:
            break
        if at not in used_regions and other not in used_boxes:
            used_regions.add(at)
            used_boxes.add(other)
    return len(used_regions)

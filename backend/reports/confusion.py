"""Which label was proposed where people drew which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from backend.training.judged import JudgedTask
from backend.training.scores import pairs


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of boxes by the label people drew and the label proposed in the same place.

    Attributes:
        labels: those of the project, then others that were met.
        counts: by (drawn, proposed); None stands for nothing drawn, or nothing proposed, in that place.
    """

    labels: tuple[str, ...]
    counts: Counter[tuple[str | None, str | None]]

    def of(self, drawn: str | None) -> Counter[str | None]:
        """What was proposed where people drew this label."""
        return Counter({proposed: count for (one, proposed), count in self.counts.items() if one == drawn})

    def main_mistake(self, label: str) -> tuple[str | None, int] | None:
        """What most often stood in place of this label and how often; None when it was never missed."""
        mistakes = [(proposed, count) for proposed, count in self.of(label).items() if proposed != label]
        return max(mistakes, key=lambda mistake: (mistake[1], str(mistake[0])), default=None)

    def to_json(self) -> dict[str, Any]:
        """`counts` row by row: what people drew, one row a label and a last one for nothing; columns likewise."""
        axis = (*self.labels, None)
        return {
            "labels": list(self.labels),
            "counts": [[self.counts[drawn, proposed] for proposed in axis] for drawn in axis],
        }


def confusion(tasks: Iterable[JudgedTask], labels: Sequence[str]) -> Confusion:
    """The confusion over judged tasks; `labels` come first, in this order."""
    counts: Counter[tuple[str | None, str | None]] = Counter()
    for task in tasks:
        for regions, boxes in zip(task.regions, task.boxes, strict=True):
            for region, box in pairs(regions, boxes):
                counts[box.label if box else None, region.label if region else None] += 1
    met = {label for key in counts for label in key if label is not None}
    return Confusion((*labels, *sorted(met - set(labels))), counts)

"""How much a person had to change of what was proposed."""

from __future__ import annotations

from collections.abc import Sequence

from backend.document.region import LabelledBox, Region
from backend.reports.effort import EditCounts
from backend.training.scores import LEAST_IOU

AS_IT_IS_IOU = 0.8
"""Overlap from which a careful person leaves a box alone; `LEAST_IOU` is that of the F1."""
MOVED_IOU = 0.1
"""Overlap below which a box is rather deleted and drawn anew than moved."""


def effort(proposed: Sequence[Region], drawn: Sequence[LabelledBox], least_iou: float = LEAST_IOU) -> EditCounts:
    """What turns the proposed regions of a page into the drawn boxes, each used once.

    First the boxes that can stay are paired, then those with another label in the same place, then those with the same
    label nearby; what is left is added or deleted. Within each, the best overlap goes first.

    Args:
        least_iou: overlap from which a box of the right label needs no edit.
    """
    overlaps = sorted(
        ((region.box.iou(box.box), at, other) for at, region in enumerate(proposed) for other, box in enumerate(drawn)),
        reverse=True,
    )
    left, wanted = set(range(len(proposed))), set(range(len(drawn)))

    def pair(least: float, same_label: bool) -> int:
        found = 0
        for overlap, at, other in overlaps:
            fits = overlap >= least and (proposed[at].label == drawn[other].label) is same_label
            if fits and at in left and other in wanted:
                left.remove(at)
                wanted.remove(other)
                found += 1
        return found

    accepted = pair(least_iou, same_label=True)
    relabelled = pair(least_iou, same_label=False)
    moved = pair(MOVED_IOU, same_label=True)
    return EditCounts(accepted=accepted, moved=moved, relabelled=relabelled, added=len(wanted), deleted=len(left))

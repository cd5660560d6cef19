"""What a person had to do to a proposal."""

from __future__ import annotations

import pytest

from backend.document.geometry import Box
from backend.document.region import LabelledBox, Region
from backend.reports.effort import EditCounts
from scripts.bench.effort import AS_IT_IS_IOU, effort


def region(label: str, left: float, width: float = 100) -> Region:
    return Region(label, Box(left, 0, left + width, 20), "", 0.9)


def box(label: str, left: float, width: float = 100) -> LabelledBox:
    return LabelledBox(label, Box(left, 0, left + width, 20))


@pytest.mark.parametrize(
    ("proposed", "drawn", "expected"),
    [
        ([region("date", 0)], [box("date", 0)], EditCounts(accepted=1)),
        ([region("date", 0)], [box("date", 30)], EditCounts(accepted=1)),  # IoU 0.54
        ([region("date", 0)], [box("date", 50)], EditCounts(moved=1)),  # IoU 0.33
        ([region("date", 0)], [box("date", 90)], EditCounts(added=1, deleted=1)),  # IoU 0.05
        ([region("date", 0)], [box("total", 10)], EditCounts(relabelled=1)),
        ([region("date", 0)], [box("total", 50)], EditCounts(added=1, deleted=1)),
        ([], [box("date", 0), box("date", 0)], EditCounts(added=2)),
        ([region("date", 0), region("date", 0)], [box("date", 0)], EditCounts(accepted=1, deleted=1)),
        ([], [], EditCounts()),
    ],
)
def test_each_box_is_counted_once_by_what_was_to_be_done(
    proposed: list[Region], drawn: list[LabelledBox], expected: EditCounts
) -> None:
    assert effort(proposed, drawn) == expected


def test_the_box_that_fits_best_is_the_one_that_stays() -> None:
    found = effort([region("date", 30), region("date", 0)], [box("date", 0)])
    assert found == EditCounts(accepted=1, deleted=1)
    # The better one is taken by its own box, so the other is left for the second.
    assert effort([region("date", 20), region("date", 0)], [box("date", 0), box("date", 45)]) == EditCounts(accepted=2)


def test_a_loose_box_is_an_edit_for_a_careful_person() -> None:
    proposed, drawn = [region("date", 0)], [box("date", 20)]  # IoU 0.67
    assert effort(proposed, drawn) == EditCounts(accepted=1)
    assert effort(proposed, drawn, AS_IT_IS_IOU) == EditCounts(moved=1)


def test_shares_are_of_all_boxes_drawn_or_proposed() -> None:
    total = EditCounts(accepted=6, moved=1, relabelled=1) + EditCounts(added=1, deleted=1)
    assert total.edits == 4
    assert total.no_edit_share == pytest.approx(0.6)
    assert EditCounts().no_edit_share is None

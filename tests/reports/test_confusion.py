from __future__ import annotations

from backend.document.geometry import Box
from backend.document.region import Region
from backend.reports.confusion import confusion
from backend.training.scores import pairs
from tests.reports.judged import drawn, place, proposed, task


def test_boxes_are_counted_by_what_was_drawn_and_what_was_proposed() -> None:
    found = confusion(
        [
            task(1, [drawn("date", 0), drawn("total", 1)], [proposed("date", 0), proposed("date", 1)]),
            task(2, [drawn("total", 0)], [proposed("date", 4)]),
        ],
        ("total", "date", "company"),
    )
    assert found.labels == ("total", "date", "company")
    assert found.to_json()["counts"] == [
        [0, 1, 0, 1],  # total: once taken for a date, once not proposed
        [0, 1, 0, 0],
        [0, 0, 0, 0],
        [0, 1, 0, 0],  # nothing drawn
    ]
    assert found.main_mistake("date") is None
    assert found.main_mistake("total") == ("date", 1)


def test_labels_that_the_project_lost_come_last() -> None:
    assert confusion([task(1, [], [proposed("old", 0)])], ("total",)).labels == ("total", "old")


def test_one_label_pairs_before_a_better_overlap_with_another() -> None:
    exact = proposed("date", 0)
    near = Region("total", Box(10, 10, 150, 40), "", 0.9)
    assert pairs([exact, near], [drawn("total", 0)]) == [(exact, None), (near, drawn("total", 0))]


def test_every_region_and_every_box_is_in_one_pair() -> None:
    regions = [proposed("a", 0), proposed("b", 0), proposed("c", 2)]
    boxes = [drawn("b", 0), drawn("a", 1)]
    found = pairs(regions, boxes)
    assert [region for region, _ in found if region] == regions
    assert sorted(box.label for _, box in found if box) == ["a", "b"]
    assert (proposed("c", 2), None) in found
    assert place(1).iou(place(2)) == 0

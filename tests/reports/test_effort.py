"""What people did with proposed boxes, from tasks as Label Studio exports them."""

from __future__ import annotations

from typing import Any

import pytest

from backend.label_studio.config import parse_labeling_config
from backend.pipelines.exported import read_export
from backend.reports.effort import EditCounts, Effort

CONFIG = parse_labeling_config(
    """<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">
    <Label value="Total" alias="total"/><Label value="date"/></RectangleLabels>
    <TextArea name="text" toName="image" perRegion="true"/></View>"""
)

Json = dict[str, Any]


def box(region: str, label: str = "total", x: float = 10.0, **fields: Any) -> Json:
    value = {"x": x, "y": 5.0, "width": 20.0, "height": 3.0, "rotation": 0, "rectanglelabels": [label]}
    return {"id": region, "from_name": "label", "type": "rectanglelabels", "value": value, **fields}


def text(region: str) -> Json:
    return {"id": region, "from_name": "text", "type": "textarea", "value": {"x": 1.0, "text": ["12"]}}


def exported(proposed: list[Json], kept: list[Json], version: str = "v1", parent: int | None = 7) -> Json:
    other = {"id": 6, "model_version": "v0", "result": [box("other")]}
    return {
        "id": 1,
        "predictions": [other, {"id": 7, "model_version": version, "result": proposed}],
        "annotations": [{"id": 3, "was_cancelled": False, "parent_prediction": parent, "result": kept}],
    }


def effort_of(tasks: list[Json]) -> Effort:
    return read_export(tasks, CONFIG, 100).effort


def edits(proposed: list[Json], kept: list[Json]) -> EditCounts:
    return effort_of([exported(proposed, kept)]).by_version["v1"]


def test_each_box_counts_once_by_what_became_of_it() -> None:
    before = [box("same"), text("same"), box("moved"), box("relabelled"), box("gone")]
    after = [
        box("same", x=10.00001, origin="prediction"),  # the editor rounds
        text("same"),
        box("moved", x=14, origin="prediction-changed"),
        box("relabelled", "date", x=14, origin="prediction-changed"),
        box("new", origin="manual"),
    ]
    counts = edits(before, after)
    assert counts == EditCounts(pages=1, accepted=1, moved=1, relabelled=1, added=1, deleted=1)
    assert counts.no_edit_share == pytest.approx(1 / 5)


def test_a_page_without_an_edit_is_untouched() -> None:
    counts = edits([box("a"), box("b")], [box("a", origin="prediction"), box("b", origin="prediction")])
    assert (counts.untouched_pages, counts.no_edit_share) == (1, 1.0)


def test_a_label_is_the_same_under_its_alias_and_its_value() -> None:
    assert edits([box("a", "total")], [box("a", "Total", origin="prediction")]).accepted == 1


def test_all_boxes_deleted_are_deletions_and_no_box_at_all_has_no_share() -> None:
    assert edits([box("a"), box("b")], []).deleted == 2
    assert edits([], []).no_edit_share is None
    assert edits([], []).untouched_pages == 1


def test_predictions_made_annotations_in_bulk_are_nobodys_effort() -> None:
    effort = effort_of([exported([box("a")], [box("a")])])
    assert (effort.by_version, effort.unreviewed) == ({}, 1)


def test_an_annotation_that_started_from_nothing_is_counted_apart() -> None:
    alone = exported([box("a")], [box("b", origin="manual")], parent=None)
    orphan = exported([box("a")], [box("a", origin="prediction")], parent=99)
    assert effort_of([alone, orphan]) == Effort({}, from_nothing=2)


def test_skipped_tasks_and_broken_results_do_not_count() -> None:
    skipped = exported([box("a")], [])
    skipped["annotations"][0]["was_cancelled"] = True
    broken = exported([box("a"), {"type": "rectanglelabels"}, 3], [box("a", origin="prediction"), None])  # type: ignore[list-item]
    assert effort_of([skipped, broken]).by_version == {"v1": EditCounts(1, 1, accepted=1)}


def test_versions_come_oldest_first_and_small_neighbours_together() -> None:
    tasks = [exported([box("a")], [box("a", origin="prediction")], version=f"v{number}") for number in (10, 9, 2)]
    tasks += [exported([box("a")], [box("a", origin="prediction")], version="v11")] * 6
    effort = effort_of(tasks)
    assert list(effort.by_version) == ["v2", "v9", "v10", "v11"]
    assert {name: counts.pages for name, counts in effort.grouped().items()} == {"v2 to v11": 9}
    large = Effort({"v1": EditCounts(pages=5), "v2": EditCounts(pages=4), "v3": EditCounts(pages=1)})
    assert list(large.grouped()) == ["v1", "v2 to v3"]

"""Which annotation counts, and which of its boxes (rows AN01 to AN15)."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.document.geometry import Box
from backend.document.region import LabelledBox
from backend.label_studio.annotations import (
    AnnotatedPages,
    accepted_unchanged,
    annotation_boxes,
    chosen_annotation,
    skipped_annotations,
    written_texts,
)
from backend.label_studio.config import ConfigLabel, LabelingConfig, parse_labeling_config

RECORDINGS = Path(__file__).parents[3] / "shared" / "label-studio" / "recordings"

CONFIG = LabelingConfig(
    control="label", image="image", value_key="image", labels=(ConfigLabel("header", "header"), ConfigLabel("q", "Q"))
)


def annotation(number: int, **facts: Any) -> dict[str, Any]:
    return {"id": number, "result": [], "was_cancelled": False, "updated_at": "2026-01-01T00:00:00Z", **facts}


def chosen(*annotations: object) -> object:
    found = chosen_annotation({"annotations": list(annotations)})
    return found and found["id"]


def rectangle(x: Any = 10, y: Any = 10, width: Any = 20, height: Any = 5, **facts: Any) -> dict[str, Any]:
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": ["header"]}
    value.update({key: facts.pop(key) for key in ("rotation", "rectanglelabels") if key in facts})
    return {"id": "r", "from_name": "label", "to_name": "image", "type": "rectanglelabels", "value": value, **facts}


def boxes_of(*results: object, pages: int = 1) -> AnnotatedPages:
    return annotation_boxes({"result": list(results)}, CONFIG, dict.fromkeys(range(pages), (1000, 2000)))


def test_AN01_skipped_annotations_are_not_chosen() -> None:
    assert chosen(annotation(1, was_cancelled=True)) is None
    assert chosen(annotation(1), annotation(2, was_cancelled=True, updated_at="2027-01-01T00:00:00Z")) == 1


def test_AN01_skipped_annotations_are_counted() -> None:
    skipped = annotation(2, was_cancelled=True)
    assert skipped_annotations({"annotations": [annotation(1), skipped, None, skipped]}) == 2
    assert skipped_annotations({"annotations": None}) == skipped_annotations({}) == 0


def test_AN02_a_ground_truth_comes_before_a_later_annotation() -> None:
    assert chosen(annotation(1, ground_truth=True), annotation(2, updated_at="2027-01-01T00:00:00Z")) == 1


def test_AN03_the_latest_of_several_annotations_is_chosen() -> None:
    later = annotation(1, updated_at="2026-01-01T02:00:00.5+01:00")
    assert chosen(later, annotation(2, updated_at="2026-01-01T00:30:00Z")) == 1


def test_AN03_the_time_of_creation_and_then_the_number_decide_where_nothing_else_does() -> None:
    created = annotation(1, updated_at=None, created_at="2026-02-01T00:00:00")
    assert chosen(created, annotation(2)) == 1
    assert chosen(annotation(3), annotation(2)) == 3
    assert chosen(annotation(4, updated_at="yesterday"), annotation(2)) == 2


def test_AN04_an_empty_result_is_a_page_with_nothing_on_it() -> None:
    assert chosen(annotation(1)) == 1
    assert boxes_of() == AnnotatedPages({0: []}, Counter())


@pytest.mark.parametrize("task", [{}, {"annotations": None}, {"annotations": [None, 3, {"id": 1}]}])
def test_AN05_without_annotations_nothing_is_chosen(task: dict[str, Any]) -> None:
    assert chosen_annotation({**task, "drafts": [annotation(1)], "predictions": [annotation(2)]}) is None


def box(name: str, origin: str | None = "prediction") -> dict[str, Any]:
    return {"id": name, "type": "rectanglelabels"} | ({"origin": origin} if origin else {})


TEXT = {"id": "a", "type": "textarea", "origin": "prediction"}
OTHER = {"id": 6, "result": [box("z", None)]}


def accepted(*results: object, predicted: list[str] | None, parent: int | None = 7) -> bool:
    predictions = [] if predicted is None else [{"id": 7, "result": [box(name, None) for name in predicted]}]
    task = {"id": 1, "predictions": [OTHER, None, *predictions]}
    return accepted_unchanged(task, annotation(1, result=list(results), parent_prediction=parent))


def test_a_prediction_taken_over_as_it_was_is_accepted() -> None:
    assert accepted(box("a"), TEXT, box("b"), predicted=["a", "b"])
    assert accepted(box("a", None), predicted=["a"])  # as the Data Manager makes annotations of predictions
    assert accepted(predicted=[])  # nothing was proposed and nothing drawn
    assert accepted(box("a"), predicted=None)  # the prediction is gone


@pytest.mark.parametrize("origin", ["manual", "prediction-changed"])
def test_a_box_that_somebody_drew_or_changed_makes_an_annotation_a_persons_own(origin: str) -> None:
    for predicted in (["a", "b"], None):
        assert not accepted(box("a"), box("b", origin), predicted=predicted)


def test_a_box_that_somebody_took_away_or_added_makes_an_annotation_a_persons_own() -> None:
    assert not accepted(box("a"), predicted=["a", "b"])
    assert not accepted(predicted=["a"])
    assert not accepted(box("a"), box("b", None), predicted=["a"])
    assert not accepted(predicted=None)


def test_an_annotation_that_began_with_no_prediction_is_a_persons_own() -> None:
    assert not accepted(box("a", None), predicted=["a"], parent=None)
    assert not accepted_unchanged({}, annotation(1))


@pytest.mark.parametrize("told", [{}, {"original_width": 1, "original_height": 1}, {"original_width": None}])
def test_AN15_percent_becomes_pixels_of_the_real_page_whatever_size_is_told(told: dict[str, Any]) -> None:
    read = boxes_of(rectangle(**told))
    assert read.boxes == {0: [LabelledBox("header", Box(100, 200, 300, 300))]}
    assert not read.ignored


def test_AN06_a_turned_box_keeps_its_rotation_and_is_not_cut() -> None:
    read = boxes_of(rectangle(x=90, width=20, rotation=-350))
    assert read.boxes[0] == [LabelledBox("header", Box(900, 200, 1100, 300), 10)]


def test_AN06_a_box_that_is_turned_off_the_page_is_ignored() -> None:
    left = rectangle(x=0, y=50, rotation=90, height=1)  # turned by a right angle it hangs to the left of its corner
    assert boxes_of(left).ignored == {"outside_page": 1}
    assert boxes_of(rectangle(x=-5, y=-5, width=1, height=1, rotation=45)).ignored == {"outside_page": 1}


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf, None, "20", True, [], 10**400])
def test_AN07_a_size_that_is_none_is_ignored_and_counted(bad: object) -> None:
    read = boxes_of(rectangle(width=bad), rectangle(height=bad), rectangle())
    assert (len(read.boxes[0]), read.ignored) == (1, {"bad_geometry": 2})


@pytest.mark.parametrize("bad", [math.nan, "left", {}])
def test_AN07_a_place_or_rotation_that_is_none_is_ignored_and_counted(bad: object) -> None:
    expected = 2 if bad == {} else 3  # an empty rotation is no rotation
    assert boxes_of(rectangle(x=bad), rectangle(y=bad), rectangle(rotation=bad)).ignored == {"bad_geometry": expected}


def test_AN08_a_box_over_the_edge_is_cut() -> None:
    read = boxes_of(rectangle(x=-10, width=20), rectangle(y=95, height=50))
    assert [drawn.box for drawn in read.boxes[0]] == [Box(0, 200, 100, 300), Box(100, 1900, 300, 2000)]


@pytest.mark.parametrize("place", [{"x": 100}, {"x": -20}, {"y": 300}])
def test_AN08_a_box_beside_the_page_is_ignored(place: dict[str, float]) -> None:
    assert boxes_of(rectangle(**place)).ignored == {"outside_page": 1}


def test_AN09_the_first_of_two_labels_counts() -> None:
    read = boxes_of(rectangle(rectanglelabels=["q", "header"]))
    assert ([drawn.label for drawn in read.boxes[0]], read.ignored) == (["q"], {"further_label": 1})


@pytest.mark.parametrize(
    ("labels", "reason"), [([], "no_label"), (None, "no_label"), (["gone"], "unknown_label"), ([3], "unknown_label")]
)
def test_AN11_a_box_without_a_label_of_ours_is_ignored_and_counted(labels: object, reason: str) -> None:
    assert boxes_of(rectangle(rectanglelabels=labels)).ignored == {reason: 1}


def test_AN11_a_label_is_understood_by_its_value() -> None:
    assert [drawn.label for drawn in boxes_of(rectangle(rectanglelabels=["Q"])).boxes[0]] == ["q"]


def test_AN13_other_results_are_passed_over() -> None:
    others = [None, 3, {}, {"type": "relation"}, {"type": "choices", "value": {}}, {"type": "polygonlabels"}]
    read = boxes_of(*others, rectangle(from_name="other"))
    assert (read.boxes, read.ignored) == ({0: []}, {"other_control": 1})


def test_boxes_stand_on_their_pages() -> None:
    read = boxes_of(rectangle(item_index=1), rectangle(), rectangle(item_index=2), rectangle(item_index="1"), pages=2)
    assert ([len(boxes) for boxes in read.boxes.values()], read.ignored) == ([1, 1], {"unknown_page": 2})


def test_an_annotation_as_label_studio_sends_it_is_read() -> None:
    if not RECORDINGS.is_dir():
        pytest.skip("the recorded requests of Label Studio are not here")
    body = json.loads((RECORDINGS / "webhook-annotation-created.json").read_text())["requests"][0]["body"]
    config = parse_labeling_config(body["project"]["label_config"])
    read = annotation_boxes(body["annotation"], config, {0: (850, 1100)})
    assert [drawn.label for drawn in read.boxes[0]] == ["header"]
    assert read.boxes[0][0].box.left == pytest.approx(85)
    assert not read.ignored


OCR_TEMPLATE = replace(CONFIG, shape_control="box", text_control="text")


def of_template(number: int, *labels: str, text: str = "", x: float = 10, **facts: Any) -> list[dict[str, Any]]:
    """The results of one box as Labels, Rectangle and TextArea tags have it."""
    place = {"x": x, "y": 10, "width": 20, "height": 5, "rotation": 0}
    common = {"id": f"r{number}", "to_name": "image", "origin": "manual", **facts}
    parts = [{**common, "from_name": "box", "type": "rectangle", "value": place}]
    if labels:
        parts.append({**common, "from_name": "label", "type": "labels", "value": {**place, "labels": list(labels)}})
    if text:
        parts.append({**common, "from_name": "text", "type": "textarea", "value": {**place, "text": [text]}})
    return parts


def test_a_box_of_the_ocr_template_is_read_once_with_its_label() -> None:
    results = [*of_template(1, "header", text="a"), *of_template(2, "Q"), *of_template(3), *of_template(4, "gone")]
    read = annotation_boxes({"result": results}, OCR_TEMPLATE, {0: (1000, 2000)})
    assert [(box.label, box.box) for box in read.boxes[0]] == [
        ("header", Box(100, 200, 300, 300)),
        ("q", Box(100, 200, 300, 300)),
    ]
    assert read.ignored == {"no_label": 1, "unknown_label": 1}


def test_an_ellipse_of_the_ocr_template_is_no_box() -> None:
    ellipse = {"x": 10, "y": 10, "radiusX": 5, "radiusY": 5, "labels": ["header"]}
    result = {"id": "e", "from_name": "label", "to_name": "image", "type": "labels", "value": ellipse}
    read = annotation_boxes({"result": [result]}, OCR_TEMPLATE, {0: (1000, 2000)})
    assert (read.boxes[0], read.ignored) == ([], {"bad_geometry": 1})


def test_the_rectangles_of_other_configurations_are_not_boxes() -> None:
    assert boxes_of(*of_template(1, "header")) == AnnotatedPages({0: []}, Counter())


def test_a_prediction_of_the_ocr_template_is_taken_over_unchanged() -> None:
    results = of_template(1, "header", origin="prediction")
    annotation = {"result": results, "parent_prediction": 5}
    assert accepted_unchanged({"predictions": [{"id": 5, "result": results}]}, annotation)
    more = {"result": [*results, *of_template(2, "header")], "parent_prediction": 5}
    assert not accepted_unchanged({"predictions": [{"id": 5, "result": results}]}, more)


def test_texts_stand_with_the_box_of_their_id() -> None:
    results = [*of_template(1, "header", text="a b"), *of_template(2, "Q", x=50), *of_template(3, text="no label")]
    [text] = written_texts({"result": results}, OCR_TEMPLATE, {0: (1000, 2000)})
    assert (text.page, text.box.label, text.text) == (0, "header", "a b")
    assert (
        written_texts({"result": [{**result, "item_index": 3} for result in results]}, OCR_TEMPLATE, {0: (9, 9)}) == []
    )

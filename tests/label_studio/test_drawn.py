"""What is being drawn with a smart tool, as the editor sends it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.document.geometry import Box
from backend.label_studio.config import ConfigLabel, LabelingConfig, parse_labeling_config
from backend.label_studio.drawn import DrawnRegion, drawn_page, drawn_region
from tests.label_studio.test_annotations import RECORDINGS

CONFIG = LabelingConfig(
    control="label", image="image", value_key="image", labels=(ConfigLabel("header", "header"), ConfigLabel("q", "Q"))
)
SIZE = (1000, 2000)
PLACE = {"x": 10, "y": 10, "width": 20, "height": 5, "rotation": 0}


def result(value: dict[str, Any], *, kind: str = "rectanglelabels", **facts: Any) -> dict[str, Any]:
    return {"id": "new", "from_name": "label", "to_name": "image", "type": kind, "value": value, **facts}


def drawn(*results: object) -> DrawnRegion | None:
    return drawn_region({"result": list(results)}, CONFIG, SIZE)


def test_a_rectangle_has_its_id_label_and_box_in_pixels() -> None:
    found = drawn(result({**PLACE, "rectanglelabels": ["Q"]}))
    assert found == DrawnRegion("new", "q", Box(100, 200, 300, 300))


@pytest.mark.parametrize("labels", [[], ["gone"], [7], None])
def test_a_region_may_be_without_a_label_of_ours(labels: object) -> None:
    found = drawn(result({**PLACE, "rectanglelabels": labels}))
    assert found is not None
    assert found.label is None


def test_the_label_of_the_ocr_template_stands_in_a_second_result() -> None:
    found = drawn(result(PLACE, kind="rectangle"), result({**PLACE, "labels": ["Q"]}, kind="labels"))
    assert found == DrawnRegion("new", "q", Box(100, 200, 300, 300))


@pytest.mark.parametrize(
    ("value", "box"),
    [
        ({"x": 50, "y": 50, "radiusX": 10, "radiusY": 5, "ellipselabels": ["Q"]}, Box(400, 900, 600, 1100)),
        ({"points": [[10, 10], [30, 12], [20, 20]], "polygonlabels": ["Q"]}, Box(100, 200, 300, 400)),
        ({"points": [[90, 90], [130, 95], "far", [1]], "polygonlabels": ["Q"]}, Box(900, 1800, 1000, 1900)),
        ({"x": 10, "y": 20, "width": 0.3, "keypointlabels": ["Q"]}, Box(100, 400, 100, 400)),
        ({"x": 50, "y": 50, "width": 20, "height": 5, "rotation": 90}, Box(400, 1000, 500, 1200)),
    ],
)
def test_whatever_is_drawn_has_an_upright_box_around_it(value: dict[str, Any], box: Box) -> None:
    found = drawn(result(value))
    assert found is not None
    for side in ("left", "top", "right", "bottom"):
        assert getattr(found.box, side) == pytest.approx(getattr(box, side))


@pytest.mark.parametrize(
    "value",
    [
        {"format": "rle", "rle": [1, 2]},
        {"x": "10", "y": 10, "width": 5, "height": 5},
        {"points": []},
        {"radiusX": 1},
        {"x": 150, "y": 10, "width": 5, "height": 5},
    ],
)
def test_what_tells_no_place_on_the_page_is_nothing(value: dict[str, Any]) -> None:
    assert drawn(result(value)) is None


def test_the_last_region_is_meant() -> None:
    older = [result({**PLACE, "x": at, "rectanglelabels": ["Q"]}, id=f"old{at}") for at in (0, 20)]
    found = drawn(*older, result({**PLACE, "x": 50, "rectanglelabels": ["Q"]}))
    assert found == DrawnRegion("new", "q", Box(500, 200, 700, 300))


def test_what_was_accepted_before_is_not_answered_again() -> None:
    assert drawn(result({**PLACE, "rectanglelabels": ["Q"]}, score=0.0)) is None


def test_only_the_image_of_the_configuration_is_drawn_on() -> None:
    assert drawn(result({**PLACE, "rectanglelabels": ["Q"]}, to_name="other")) is None


def test_the_page_is_that_of_the_last_region() -> None:
    on_first, on_third = result(PLACE, id="a", item_index=0), result(PLACE, id="b", item_index=2)
    assert drawn_page({"result": [on_first, on_third]}) == 2
    assert drawn_page({"result": [on_third, on_first]}) == 0
    assert [drawn_page({"result": [result(PLACE, item_index=index)]}) for index in ("1", -1, None)] == [0, 0, 0]


@pytest.mark.parametrize("context", [{}, {"result": None}, {"result": []}, {"result": [None, {"value": 3}, "x"]}])
def test_nothing_is_drawn(context: dict[str, Any]) -> None:
    assert drawn_region(context, CONFIG, SIZE) is None
    assert drawn_page(context) == 0


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from(["x", "y", "width", "height", "rotation", "points", "radiusX", "radiusY", "rectanglelabels"])


@given(st.dictionaries(KEYS, ANYTHING))
def test_no_value_is_a_fault(value: dict[str, Any]) -> None:
    found = drawn(result(value))
    assert found is None or found.box == found.box.clipped(*SIZE) or not found.box.area


def test_a_region_as_the_editor_sends_it_is_read() -> None:
    if not RECORDINGS.is_dir():
        pytest.skip("the recorded requests of Label Studio are not here")
    body = json.loads((RECORDINGS / "interactive-smart-region.json").read_text())["requests"][0]["body"]
    config = parse_labeling_config(body["label_config"])
    found = drawn_region(body["params"]["context"], config, (850, 1100))
    assert found is not None
    assert (found.label, found.id) == ("question", body["params"]["context"]["result"][0]["id"])
    assert drawn_region(body["params"]["context"], replace(config, image="other"), (850, 1100)) is None

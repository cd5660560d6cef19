"""Results for Label Studio: its rules hold for any region, and reading them back gives the regions."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.document.geometry import Box
from backend.document.region import Region
from backend.label_studio.annotations import annotation_boxes
from backend.label_studio.config import ConfigLabel, LabelingConfig
from backend.label_studio.results import box_to_percent, regions_to_results

LABELS = ("header", "q")
PLAIN = LabelingConfig(
    control="label",
    image="image",
    value_key="image",
    labels=(ConfigLabel("header", "header"), ConfigLabel("q", "question")),
)
WITH_TEXT = LabelingConfig(**{**vars(PLAIN), "text_control": "transcription"})
OCR_TEMPLATE = LabelingConfig(**{**vars(WITH_TEXT), "shape_control": "box"})
CONFIGS = (PLAIN, WITH_TEXT, OCR_TEMPLATE)

ANY_NUMBER = st.floats(width=32)  # infinities and NaN too
LENGTHS = st.floats(-2000, 12_000)
REGIONS = st.builds(
    Region,
    label=st.sampled_from((*LABELS, "question", "removed")),
    box=st.one_of(st.builds(Box, LENGTHS, LENGTHS, LENGTHS, LENGTHS), st.builds(Box, *[ANY_NUMBER] * 4)),
    text=st.text(max_size=5),
    score=ANY_NUMBER,
)
SIZES = st.tuples(st.integers(1, 20_000), st.integers(1, 20_000))


def results_of(*regions: Region, config: LabelingConfig = PLAIN, size: tuple[int, int] = (850, 1100)) -> list[Any]:
    return regions_to_results(regions, page_size=size, config=config, item_index=0)


def assert_strict(result: dict[str, Any], config: LabelingConfig) -> None:
    """The checks that Label Studio makes of stored predictions when it is strict, and those of its editor."""
    value = result["value"]
    assert result["to_name"] == config.image
    assert (result["original_width"], result["original_height"]) > (0, 0)
    assert result["image_rotation"] == value["rotation"] == 0
    assert 0 <= value["x"] < 100
    assert 0 <= value["y"] < 100
    assert 0 < value["width"] <= 100
    assert 0 < value["height"] <= 100
    assert value["x"] + value["width"] <= 100
    assert value["y"] + value["height"] <= 100
    if result["type"] == "rectangle":
        assert result["from_name"] == config.shape_control
        assert 0 <= result["score"] <= 1
    elif result["type"] == config.label_type:
        assert result["from_name"] == config.control
        assert 0 <= result["score"] <= 1
        assert len(value[config.label_type]) == 1
        assert value[config.label_type][0] in config.label_set.names
    else:
        assert (result["type"], result["from_name"]) == ("textarea", config.text_control)
        assert all(isinstance(text, str) and text for text in value["text"])


def test_a_region_is_a_rectangle_in_percent_with_its_text_beside() -> None:
    region = Region("header", Box(85, 110, 425, 220), "Invoice 7", 0.75)
    [rectangle] = results_of(region)
    assert rectangle.pop("id")
    assert rectangle == {
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
        "original_width": 850,
        "original_height": 1100,
        "image_rotation": 0,
        "item_index": 0,
        "score": 0.75,
        "value": {"x": 10, "y": 10, "width": 40, "height": 10, "rotation": 0, "rectanglelabels": ["header"]},
        "meta": {"text": ["Invoice 7"]},
    }


def test_text_goes_to_the_linked_text_area_where_there_is_one() -> None:
    rectangle, text = results_of(Region("q", Box(85, 110, 425, 220), "Date:", 0.5), config=WITH_TEXT)
    assert "meta" not in rectangle
    assert text == {
        **{key: rectangle[key] for key in rectangle if key not in ("score", "value")},
        "from_name": "transcription",
        "type": "textarea",
        "value": {"x": 10, "y": 10, "width": 40, "height": 10, "rotation": 0, "text": ["Date:"]},
    }


def test_the_ocr_template_has_three_results_of_one_id() -> None:
    box, label, text = results_of(Region("q", Box(85, 110, 425, 220), "Date:", 0.5), config=OCR_TEMPLATE)
    place = {"x": 10, "y": 10, "width": 40, "height": 10, "rotation": 0}
    assert box["id"] == label["id"] == text["id"]
    assert [(part["type"], part["from_name"], part["value"]) for part in (box, label, text)] == [
        ("rectangle", "box", place),
        ("labels", "label", {**place, "labels": ["q"]}),
        ("textarea", "transcription", {**place, "text": ["Date:"]}),
    ]
    assert (box["score"], label["score"], "score" in text) == (0.5, 0.5, False)


def test_what_a_text_stands_for_is_noted_with_the_region() -> None:
    region = Region("q", Box(85, 110, 425, 220), "1 May 2024", 0.5, value="2024-05-01")
    [alone] = results_of(region)
    assert alone["meta"] == {"text": ["1 May 2024 = 2024-05-01"], "value": "2024-05-01"}
    [same] = results_of(replace(region, text="2024-05-01"))
    assert same["meta"]["text"] == ["2024-05-01"]
    box, text = results_of(region, config=WITH_TEXT)
    assert box["meta"] == {"text": ["2024-05-01"], "value": "2024-05-01"}
    assert text["value"]["text"] == ["1 May 2024"]


def test_what_a_person_drew_keeps_its_id_and_may_be_without_label() -> None:
    drawn = Region("", Box(85, 110, 425, 220), "Date:", 0.5, drawn_id="new")
    [box, text] = results_of(drawn, config=WITH_TEXT)
    assert (box["id"], box["value"]["rectanglelabels"], text["id"]) == ("new", [], "new")
    kinds = [part["type"] for part in results_of(drawn, config=OCR_TEMPLATE)]
    assert kinds == ["rectangle", "textarea"]
    assert results_of(Region("", Box(85, 110, 425, 220), "Date:", 0.5)) == []


def test_a_region_without_text_has_no_text_result() -> None:
    region = Region("q", Box(0, 0, 10, 10), "", 0.5)
    assert len(results_of(region, config=WITH_TEXT)) == 1
    assert "meta" not in results_of(region)[0]


def test_pages_are_told_apart_by_item_index_and_id() -> None:
    region = Region("q", Box(0, 0, 10, 10), "a", 0.5)
    pages = [regions_to_results([region], page_size=(50, 50), config=PLAIN, item_index=page)[0] for page in range(3)]
    assert [result["item_index"] for result in pages] == [0, 1, 2]
    assert len({result["id"] for result in pages}) == 3


def test_CF10_a_label_that_the_configuration_lost_gives_no_result() -> None:
    assert results_of(Region("removed", Box(0, 0, 10, 10), "a", 0.5)) == []


def test_CF09_the_alias_is_written_also_for_a_model_that_knows_the_value() -> None:
    [result] = results_of(Region("question", Box(0, 0, 10, 10), "", 0.5))
    assert result["value"]["rectanglelabels"] == ["q"]


@given(st.lists(REGIONS, max_size=6), SIZES, st.sampled_from(CONFIGS))
def test_every_result_passes_label_studios_strict_rules(
    regions: list[Region], size: tuple[int, int], config: LabelingConfig
) -> None:
    results = results_of(*regions, config=config, size=size)
    for result in results:
        assert_strict(result, config)
    json.dumps(results, allow_nan=False)
    rectangles = [result["id"] for result in results if result["type"] == config.label_type]
    assert len(set(rectangles)) == len(rectangles)
    assert {result["id"] for result in results} == set(rectangles)
    assert results == results_of(*regions, config=config, size=size)


@given(SIZES, st.sampled_from(CONFIGS), st.data())
def test_results_read_as_an_annotation_give_the_regions(
    size: tuple[int, int], config: LabelingConfig, data: st.DataObject
) -> None:
    width, height = size
    corner = st.tuples(st.floats(0, 0.99), st.floats(0, 0.99), st.floats(0.001, 1), st.floats(0.001, 1))
    regions = [
        Region(label, Box(x * width, y * height, min(1, x + w) * width, min(1, y + h) * height), "text", 0.5)
        for label, (x, y, w, h) in data.draw(st.lists(st.tuples(st.sampled_from(LABELS), corner), max_size=5))
    ]
    results = results_of(*regions, config=config, size=size)
    read = annotation_boxes({"result": results}, config, {0: size})
    assert not read.ignored
    assert [box.label for box in read.boxes[0]] == [region.label for region in regions]
    for drawn, region in zip(read.boxes[0], regions, strict=True):
        assert drawn.rotation == 0
        for side in ("left", "top", "right", "bottom"):
            assert getattr(drawn.box, side) == pytest.approx(getattr(region.box, side), abs=1e-6)


@pytest.mark.parametrize("box", [Box(math.nan, 0, 5, 5), Box(20, 20, 30, 30), Box(5, 5, 5, 9), Box(9, 9, 1, 1)])
def test_a_box_of_no_area_on_the_page_has_no_percent(box: Box) -> None:
    assert box_to_percent(box, (10, 10)) is None

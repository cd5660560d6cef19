"""The texts that people left beside their boxes."""

from __future__ import annotations

from typing import Any

import pytest

from backend.label_studio.config import ConfigLabel, LabelingConfig
from backend.label_studio.texts import texts_by_region

PLAIN = LabelingConfig(control="label", image="image", value_key="image", labels=(ConfigLabel("total", "total"),))
WITH_TEXT = LabelingConfig(**{**vars(PLAIN), "text_control": "text"})


def box(region: str, **facts: Any) -> dict[str, Any]:
    return {"id": region, "from_name": "label", "type": "rectanglelabels", "origin": "manual", "value": {}, **facts}


def written(region: str, text: object, **facts: Any) -> dict[str, Any]:
    value = {"text": text}
    return {"id": region, "from_name": "text", "type": "textarea", "origin": "manual", "value": value, **facts}


def test_texts_of_the_text_area_are_found_by_the_id_of_their_box() -> None:
    results = [box("a"), written("a", ["12.50"]), box("b"), written("b", "two lines"), written("c", ["x", "y"])]
    found = texts_by_region({"result": results}, WITH_TEXT)
    assert found == {"a": "12.50", "b": "two lines", "c": "x\ny"}


def test_without_a_text_area_the_note_of_the_region_is_its_text() -> None:
    results = [box("a", meta={"text": ["12.50"]}), box("b", meta={"text": "changed"}), box("c"), box("d", meta=None)]
    assert texts_by_region({"result": results}, PLAIN) == {"a": "12.50", "b": "changed"}
    assert texts_by_region({"result": results}, WITH_TEXT) == {}


def test_a_note_with_a_normalised_value_is_no_text() -> None:
    noted = box("a", meta={"text": ["1 May 2024 = 2024-05-01"], "value": "2024-05-01"})
    assert texts_by_region({"result": [noted]}, PLAIN) == {}


def test_nothing_is_taken_from_annotations_that_nobody_looked_at() -> None:
    results = [box("a"), written("a", ["12.50"])]
    for result in results:
        del result["origin"]
    assert texts_by_region({"result": results}, WITH_TEXT) == {}


@pytest.mark.parametrize("text", ["", "  ", [], [""], None, 7, [7], {"a": 1}])
def test_what_is_no_text_is_left_out(text: object) -> None:
    assert texts_by_region({"result": [written("a", text)]}, WITH_TEXT) == {}


def test_other_controls_and_broken_results_are_left_out() -> None:
    other = written("a", ["x"], from_name="notes")
    assert texts_by_region({"result": [other, None, {"origin": "manual", "value": None}]}, WITH_TEXT) == {}
    assert texts_by_region({"result": None}, WITH_TEXT) == {}

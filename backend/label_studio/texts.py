"""The texts that people left beside the boxes of an annotation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.label_studio.config import LabelingConfig


def texts_by_region(annotation: Mapping[str, Any], config: LabelingConfig) -> dict[str, str]:
    """By region id the text of a box: of the TextArea, or of the region's note where the configuration has none.

    Nothing is given of an annotation that the Data Manager made of a prediction, for nobody looked at it; and of notes
    that hold a normalised value beside the text.
    """
    results = annotation.get("result")
    regions = [result for result in (results if isinstance(results, list) else []) if isinstance(result, dict)]
    if not any("origin" in result for result in regions):
        return {}
    found = {}
    for result in regions:
        text = _text(result, config)
        if text.strip():
            found[str(result.get("id"))] = text
    return found


def _text(result: Mapping[str, Any], config: LabelingConfig) -> str:
    """The text that one result holds, empty where it holds none."""
    if config.text_control is not None:
        value = result.get("value")
        is_text = result.get("type") == "textarea" and result.get("from_name") == config.text_control
        return _joined(value.get("text")) if is_text and isinstance(value, dict) else ""
    meta = result.get("meta")
    if result.get("type") != config.label_type or not isinstance(meta, dict) or "value" in meta:
        return ""
    return _joined(meta.get("text"))


def _joined(text: object) -> str:
    """A text that the editor keeps as a list of lines, or as one text once somebody changed it."""
    if isinstance(text, str):
        return text
    lines = text if isinstance(text, list) else []
    return "\n".join(line for line in lines if isinstance(line, str))

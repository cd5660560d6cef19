"""What somebody draws with a smart tool, as Label Studio sends it to be completed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.document.geometry import Box
from backend.label_studio.config import LabelingConfig
from backend.label_studio.percent import around, number, rectangle, turned_bounds


@dataclass(frozen=True, slots=True)
class DrawnRegion:
    """A region that is being drawn.

    Attributes:
        id: Label Studio's. What is answered with this id takes the place of what was drawn once it is accepted.
        label: name of the label that the person chose; None where none was chosen, or one that is not ours.
        box: upright, in page pixels, around whatever was drawn; a box of no area for a point.
    """

    id: str
    label: str | None
    box: Box


def drawn_page(context: Mapping[str, Any]) -> int:
    """The number of the page that is drawn on, from 0."""
    results = _drawn_last(context)
    index = results[0].get("item_index") if results else 0
    return index if isinstance(index, int) and index > 0 else 0


def drawn_region(context: Mapping[str, Any], config: LabelingConfig, size: tuple[int, int]) -> DrawnRegion | None:
    """What is being drawn: a rectangle, an ellipse, a polygon or a point of any control of the page.

    The editor sends every region of the same label with it, drawn by hand or accepted before; the last is the one that
    is meant. None for a brush stroke, which tells no place, and for what was accepted before, which has a score.

    Args:
        context: `params.context` of a request: an object with a `result` list, as an annotation has it.
        size: of the page in pixels.
    """
    results = [result for result in _drawn_last(context) if result.get("to_name") == config.image]
    boxes = [box for result in results if (box := _box(result["value"], size)) is not None]
    if not boxes or any("score" in result for result in results):
        return None
    labels = [label for result in results if (label := _label(result, config)) is not None]
    return DrawnRegion(str(results[0].get("id") or ""), labels[0] if labels else None, boxes[0])


def _drawn_last(context: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The results of the last region; there are several with Labels and Rectangle tags, all with its id."""
    listed = context.get("result")
    results = [
        result
        for result in (listed if isinstance(listed, list) else [])
        if isinstance(result, dict) and isinstance(result.get("value"), dict)
    ]
    return [result for result in results if result.get("id") == results[-1].get("id")]


def _label(result: Mapping[str, Any], config: LabelingConfig) -> str | None:
    """The first of our labels that a result has, under whatever key its control keeps them."""
    for key, labels in result["value"].items():
        if key.endswith("labels") and isinstance(labels, list) and labels and isinstance(labels[0], str):
            return config.name_of(labels[0])
    return None


def _box(value: Mapping[str, Any], size: tuple[int, int]) -> Box | None:
    """The upright box around what was drawn, cut at the edge of the page; None for what tells no place."""
    width, height = size
    if isinstance(value.get("points"), list):
        points = [_point(point, size) for point in value["points"]]
        inside = [point for point in points if point is not None]
        return around(inside).clipped(width, height) if inside else None
    if "radiusX" in value:
        return _ellipse(value, size)
    if "height" in value:
        found = rectangle(value, size)
        return None if isinstance(found, str) else turned_bounds(*found).clipped(width, height)
    corner = _point((value.get("x"), value.get("y")), size)
    return None if corner is None else around([corner])


def _ellipse(value: Mapping[str, Any], size: tuple[int, int]) -> Box | None:
    """The box around an ellipse as if it were upright, which is near enough for the words under it."""
    numbers = [number(value.get(key)) for key in ("x", "y", "radiusX", "radiusY")]
    if None in numbers:
        return None
    x, y, across, down = (found for found in numbers if found is not None)
    box = Box(x - across, y - down, x + across, y + down).scaled(size[0] / 100, size[1] / 100)
    return box.clipped(*size)


def _point(point: object, size: tuple[int, int]) -> tuple[float, float] | None:
    """A point in percent as one in pixels."""
    if not isinstance(point, list | tuple) or len(point) != 2:
        return None
    x, y = number(point[0]), number(point[1])
    return None if x is None or y is None else (x * size[0] / 100, y * size[1] / 100)

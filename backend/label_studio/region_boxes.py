"""The boxes of predictions and annotations by region id, which tells what became of a box that was proposed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.label_studio.config import LabelingConfig

Json = Mapping[str, Any]

MOVED_PERCENT = 0.1
"""A box whose edges moved by less, in percent of the page, was left as it was: the editor rounds."""
GEOMETRY = ("x", "y", "width", "height", "rotation")


@dataclass(frozen=True, slots=True)
class RegionBox:
    """A box as Label Studio has it.

    Attributes:
        geometry: x, y, width and height in percent of the page, rotation in degrees.
    """

    label: str
    geometry: tuple[float, ...]

    def moved_to(self, other: RegionBox) -> bool:
        """Whether somebody moved this box, or changed its size, to make it the other."""
        return any(abs(one - two) > MOVED_PERCENT for one, two in zip(self.geometry, other.geometry, strict=True))


def parent_prediction(task: Json, annotation: Json) -> Json | None:
    """The prediction that an annotation was started from, if the task still carries it."""
    wanted = annotation.get("parent_prediction")
    predictions = task.get("predictions")
    if wanted is None or not isinstance(predictions, list):
        return None
    found = (one for one in predictions if isinstance(one, dict) and one.get("id") == wanted)
    return next((one for one in found if isinstance(one.get("result"), list)), None)


def boxes_by_region(drawn: Json, config: LabelingConfig) -> dict[str, RegionBox]:
    """The boxes of our control in a prediction or an annotation, by region id."""
    found = {}
    for result in drawn["result"]:
        if not isinstance(result, dict) or result.get("type") != config.label_type:
            continue
        value, region = result.get("value"), result.get("id")
        labels = value.get(config.label_type) if isinstance(value, dict) else None
        if result.get("from_name") != config.control or not isinstance(region, str) or not isinstance(value, dict):
            continue
        label = labels[0] if isinstance(labels, list) and labels and isinstance(labels[0], str) else ""
        numbers = [value.get(name) or 0 for name in GEOMETRY]
        if all(isinstance(number, int | float) for number in numbers):
            found[region] = RegionBox(config.name_of(label) or label, tuple(float(number) for number in numbers))
    return found

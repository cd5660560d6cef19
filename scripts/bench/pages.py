"""Pages with what a person drew on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.document.region import LabelledBox, Region
from backend.label_studio.annotations import annotation_boxes
from backend.label_studio.config import LabelingConfig

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BenchPage:
    """An image file and its true annotation.

    Attributes:
        size: width and height in pixels.
        results: the annotation as Label Studio has it.
    """

    name: str
    image: bytes
    size: tuple[int, int]
    results: Sequence[Json]

    def boxes(self, config: LabelingConfig) -> list[LabelledBox]:
        """The true boxes."""
        return annotation_boxes({"result": self.results}, config, {0: self.size}).boxes[0]

    def proposed(self, prediction: Mapping[str, Any], config: LabelingConfig) -> list[Region]:
        """The regions of a prediction that Label Studio holds for this page, with their scores."""
        return [
            Region(box.label, box.box, "", float(result["score"]))
            for result in prediction["result"]
            for box in annotation_boxes({"result": [result]}, config, {0: self.size}).boxes[0]
        ]


@dataclass(frozen=True, slots=True)
class DataSet:
    """Pages of one kind: those to annotate, in the order in which it is done, and others to judge on."""

    name: str
    label_config: str
    learn: Sequence[BenchPage]
    judge: Sequence[BenchPage]

"""From the annotations of a task to the boxes that people drew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from backend.document.region import LabelledBox
from backend.label_studio.config import LabelingConfig
from backend.label_studio.percent import rectangle
from backend.label_studio.region_boxes import parent_prediction
from backend.label_studio.texts import texts_by_region

LONG_AGO = datetime.min.replace(tzinfo=UTC)
"""For annotations that tell no time."""
TAKEN_OVER = "prediction"
"""`origin` of a box that stands as it was predicted."""


@dataclass(frozen=True, slots=True)
class AnnotatedPages:
    """What a person drew on the pages of a task.

    Attributes:
        boxes: by the page's number in its task; a page on which nothing was drawn has an empty list.
        ignored: how many results could not be used, by reason.
    """

    boxes: dict[int, list[LabelledBox]]
    ignored: Counter[str]


def chosen_annotation(task: Mapping[str, Any]) -> dict[str, Any] | None:
    """The one annotation that stands for a task: a ground truth before others, then the latest; never a skipped one.

    Drafts and predictions are no annotations.
    """
    annotations = task.get("annotations")
    usable = [
        annotation
        for annotation in (annotations if isinstance(annotations, list) else [])
        if isinstance(annotation, dict)
        and not annotation.get("was_cancelled")
        and isinstance(annotation.get("result"), list)
    ]
    return max(usable, key=_precedence, default=None)


def skipped_annotations(task: Mapping[str, Any]) -> int:
    """How many annotations of a task say that it was skipped."""
    annotations = task.get("annotations")
    return sum(
        isinstance(annotation, dict) and bool(annotation.get("was_cancelled"))
        for annotation in (annotations if isinstance(annotations, list) else [])
    )


def accepted_unchanged(task: Mapping[str, Any], annotation: Mapping[str, Any]) -> bool:
    """Whether an annotation took a prediction over with every box as it was, none added and none taken away.

    The editor marks boxes as drawn (`manual`) or as changed (`prediction-changed`); those of annotations that the
    Data Manager makes of predictions have no mark. What was taken away shows only beside the prediction; where the
    task does not carry it any more, the marks decide.
    """
    if annotation.get("parent_prediction") is None:
        return False
    boxes = _rectangles(annotation)
    if any(box.get("origin", TAKEN_OVER) != TAKEN_OVER for box in boxes):
        return False
    prediction = parent_prediction(task, annotation)
    return bool(boxes) if prediction is None else _ids(boxes) == _ids(_rectangles(prediction))


def annotated_at(annotation: Mapping[str, Any]) -> datetime:
    """When an annotation was last changed; long ago where nothing tells."""
    moment = _moment(annotation.get("updated_at")) or _moment(annotation.get("created_at"))
    return moment or LONG_AGO


def annotation_boxes(
    annotation: Mapping[str, Any], config: LabelingConfig, sizes: Mapping[int, tuple[int, int]]
) -> AnnotatedPages:
    """The boxes of an annotation in pixels of the real pages.

    Upright boxes are cut at the edge of the page. A turned box keeps its rotation around its top left corner and is
    not cut. The size of the real page counts, not the one noted in the annotation.

    Args:
        sizes: width and height in pixels of each page that could be read, by its number in the task.
    """
    boxes: dict[int, list[LabelledBox]] = {index: [] for index in sizes}
    ignored: Counter[str] = Counter()
    for result in _labelled(annotation, config):
        read = _labelled_box(result, config, sizes, ignored)
        if read is not None:
            index, box = read
            boxes[index].append(box)
    return AnnotatedPages(boxes, ignored)


@dataclass(frozen=True, slots=True)
class WrittenText:
    """The text that a person left for a box.

    Attributes:
        page: number of the page in its task.
        box: in pixels of the page.
    """

    page: int
    box: LabelledBox
    text: str


def written_texts(
    annotation: Mapping[str, Any], config: LabelingConfig, sizes: Mapping[int, tuple[int, int]]
) -> list[WrittenText]:
    """The texts of an annotation's boxes, in the order of the boxes; nothing of boxes that cannot be used.

    Args:
        sizes: as for `annotation_boxes`.
    """
    texts = texts_by_region(annotation, config)
    found = []
    for result in _labelled(annotation, config) if texts else ():
        text = texts.get(str(result.get("id")))
        read = _labelled_box(result, config, sizes, Counter()) if text else None
        if text and read is not None:
            found.append(WrittenText(*read, text))
    return found


def _rectangles(annotation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The boxes among the results; texts, relations, polygons and the like are not for this backend.

    With Labels and Rectangle tags the label stands in a second result, whose origin and id are those of the box.
    """
    results = annotation.get("result")
    return [
        result
        for result in (results if isinstance(results, list) else [])
        if isinstance(result, dict) and result.get("type") in ("rectanglelabels", "rectangle")
    ]


def _labelled(annotation: Mapping[str, Any], config: LabelingConfig) -> list[dict[str, Any]]:
    """The results that say where a box is and what its label is; a box without a label in the OCR template too."""
    results = annotation.get("result")
    of_kind = [
        result
        for result in (results if isinstance(results, list) else [])
        if isinstance(result, dict) and result.get("type") in (config.label_type, "rectangle")
    ]
    labelled = {str(result.get("id")) for result in of_kind if result.get("type") == config.label_type}
    return [
        result
        for result in of_kind
        if result.get("type") == config.label_type or (config.shape_control and str(result.get("id")) not in labelled)
    ]


def _ids(results: list[dict[str, Any]]) -> set[str]:
    return {str(result.get("id")) for result in results}


def _labelled_box(
    result: dict[str, Any], config: LabelingConfig, sizes: Mapping[int, tuple[int, int]], ignored: Counter[str]
) -> tuple[int, LabelledBox] | None:
    """The page's number and the box; None, and a reason counted, where the result cannot be used."""
    if result.get("from_name") not in (config.control, config.shape_control):
        ignored["other_control"] += 1
        return None
    index = result.get("item_index") or 0
    if not isinstance(index, int) or index not in sizes:
        ignored["unknown_page"] += 1
        return None
    value = result.get("value")
    labels = value.get(config.label_type) if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(labels, list) or not labels:
        ignored["no_label"] += 1
        return None
    name = config.name_of(labels[0]) if isinstance(labels[0], str) else None
    if name is None:
        ignored["unknown_label"] += 1
        return None
    if len(labels) > 1:
        ignored["further_label"] += 1  # the box is used with its first label
    geometry = rectangle(value, sizes[index])
    if isinstance(geometry, str):
        ignored[geometry] += 1
        return None
    box, rotation = geometry
    return index, LabelledBox(name, box, rotation)


def _precedence(annotation: dict[str, Any]) -> tuple[bool, datetime, int]:
    number = annotation.get("id")
    return (
        bool(annotation.get("ground_truth")),
        annotated_at(annotation),
        number if isinstance(number, int) else 0,
    )


def _moment(text: object) -> datetime | None:
    """An ISO 8601 time; without a zone it is UTC."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

"""What people did with the boxes that were proposed to them: the edits that were left to do by hand.

Label Studio keeps a prediction's region ids when an annotation is started from it, and notes the prediction as
`parent_prediction`; its listing of tasks carries the predictions themselves. No further request is needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from backend.label_studio.config import LabelingConfig
from backend.label_studio.region_boxes import RegionBox, boxes_by_region, parent_prediction

Json = Mapping[str, Any]

GROUP_PAGES = 5
"""Pages in a group of versions: with a version after each saved page, one alone says little."""


@dataclass(frozen=True, slots=True)
class EditCounts:
    """Proposed boxes by what became of them, and those that people added; each box counts once.

    Attributes:
        pages: annotated tasks that were started from a prediction.
        untouched_pages: those of them without any edit.
        relabelled: boxes with another label, whether moved too or not.
    """

    pages: int = 0
    untouched_pages: int = 0
    accepted: int = 0
    moved: int = 0
    relabelled: int = 0
    added: int = 0
    deleted: int = 0

    @property
    def edits(self) -> int:
        return self.moved + self.relabelled + self.added + self.deleted

    @property
    def no_edit_share(self) -> float | None:
        """Share of all these boxes, 0 to 1, that needed no edit; None where there was no box."""
        boxes = self.accepted + self.edits
        return self.accepted / boxes if boxes else None

    def __add__(self, other: EditCounts) -> EditCounts:
        return EditCounts(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))

    def to_json(self) -> dict[str, Any]:
        share = self.no_edit_share
        return {**asdict(self), "no_edit_share": None if share is None else round(share, 4)}


@dataclass(frozen=True, slots=True)
class Effort:
    """The edits by the version whose prediction they started from, oldest version first.

    Attributes:
        from_nothing: annotated tasks that did not start from a prediction that is still there.
        unreviewed: tasks whose predictions were made annotations in bulk: no person looked at them.
    """

    by_version: dict[str, EditCounts]
    from_nothing: int = 0
    unreviewed: int = 0

    def grouped(self) -> dict[str, EditCounts]:
        """The edits of neighbouring versions together, GROUP_PAGES or more in each group but perhaps the last.

        A group is called by its only version, or `<first> to <last>`.
        """
        groups: list[tuple[str, str, EditCounts]] = []
        for name, counts in self.by_version.items():
            if groups and groups[-1][2].pages < GROUP_PAGES:
                first, _, before = groups.pop()
                groups.append((first, name, before + counts))
            else:
                groups.append((name, name, counts))
        return {first if first == last else f"{first} to {last}": counts for first, last, counts in groups}

    def to_json(self) -> dict[str, Any]:
        return {
            "versions": [{"version": name, **counts.to_json()} for name, counts in self.by_version.items()],
            "groups": [{"version": name, **counts.to_json()} for name, counts in self.grouped().items()],
            "from_nothing": self.from_nothing,
            "unreviewed": self.unreviewed,
        }


class EffortMeter:
    """Measures the effort behind annotated tasks, which are shown to it one by one."""

    def __init__(self, config: LabelingConfig) -> None:
        self._config = config
        self._by_version: dict[str, EditCounts] = {}
        self._from_nothing = self._unreviewed = 0

    def add(self, task: Json, annotation: Json) -> None:
        """Count a task.

        Args:
            task: as Label Studio lists it, with its predictions.
            annotation: the one of its annotations that counts.
        """
        prediction = parent_prediction(task, annotation)
        if prediction is None:
            self._from_nothing += 1
        elif _unreviewed(annotation):
            self._unreviewed += 1
        else:
            name = str(prediction.get("model_version") or "unknown")
            edits = _edits(boxes_by_region(prediction, self._config), boxes_by_region(annotation, self._config))
            self._by_version[name] = self._by_version.get(name, EditCounts()) + edits

    def effort(self) -> Effort:
        """What the tasks so far come to."""
        by_version = {name: self._by_version[name] for name in sorted(self._by_version, key=_natural)}
        return Effort(by_version, self._from_nothing, self._unreviewed)


def _unreviewed(annotation: Json) -> bool:
    """Whether no region says where it comes from: the editor notes it on each, the Data Manager's action does not."""
    regions = annotation["result"]
    return bool(regions) and not any(isinstance(region, dict) and "origin" in region for region in regions)


def _edits(proposed: Mapping[str, RegionBox], kept: Mapping[str, RegionBox]) -> EditCounts:
    accepted = moved = relabelled = 0
    for region in proposed.keys() & kept.keys():
        before, now = proposed[region], kept[region]
        if before.label != now.label:
            relabelled += 1
        elif before.moved_to(now):
            moved += 1
        else:
            accepted += 1
    added, deleted = len(kept.keys() - proposed.keys()), len(proposed.keys() - kept.keys())
    untouched = not (moved or relabelled or added or deleted)
    return EditCounts(1, int(untouched), accepted, moved, relabelled, added, deleted)


def _natural(name: str) -> tuple[int, str]:
    """Sorts v2 before v10, and what is no version of ours before both."""
    number = re.fullmatch(r"v(\d{1,12})", name, re.ASCII)
    return (int(number[1]) if number else -1, name)

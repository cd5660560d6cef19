"""The annotated tasks of a project as Label Studio lists them: of each what a run needs is kept, in little memory.

A task comes with all its annotations and predictions, which take a hundred kilobytes as objects; they are looked at
once, here, and dropped.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backend.label_studio.annotations import (
    accepted_unchanged,
    annotated_at,
    chosen_annotation,
    skipped_annotations,
)
from backend.label_studio.config import LabelingConfig
from backend.reports.effort import Effort, EffortMeter

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class ExportedTask:
    """A task with the one annotation of it that counts. Sorts from the one annotated first to the one annotated last.

    Attributes:
        annotated_at: when the annotation was last changed.
        accepted: the person took a prediction over without any change.
        content: `task` (its id and data) and `annotation` as JSON.
    """

    annotated_at: datetime
    task_id: int
    accepted: bool
    content: bytes

    def read(self) -> tuple[Json, Json]:
        """The task, without annotations and predictions, and the annotation."""
        content = json.loads(self.content)
        return content["task"], content["annotation"]


@dataclass(frozen=True, slots=True)
class Export:
    """What a run learns from, as people left it.

    Attributes:
        tasks: those that count, by ascending id.
        left_out: what does not, by reason: `skipped` annotations, and `older` tasks beyond the most that a run uses.
        effort: what people had to do to the boxes that were proposed to them, in all tasks.
    """

    tasks: tuple[ExportedTask, ...]
    left_out: Mapping[str, int]
    effort: Effort


def read_export(tasks: Iterable[Json], config: LabelingConfig, most_tasks: int) -> Export:
    """An export, from Label Studio's tasks one by one.

    Args:
        tasks: each with its annotations and predictions.
        most_tasks: of more than these the ones annotated last are kept.
    """
    newest: list[ExportedTask] = []  # a heap: the one annotated first comes first
    left_out: Counter[str] = Counter()
    effort = EffortMeter(config)
    for task in tasks:
        left_out["skipped"] += skipped_annotations(task)
        annotation = chosen_annotation(task)
        if annotation is None:
            continue
        effort.add(task, annotation)
        heapq.heappush(newest, _exported(task, annotation))
        if len(newest) > most_tasks:
            heapq.heappop(newest)
            left_out["older"] += 1
    return Export(tuple(sorted(newest, key=lambda task: task.task_id)), +left_out, effort.effort())


def _exported(task: Json, annotation: Json) -> ExportedTask:
    kept = {"task": {"id": task["id"], "data": task.get("data")}, "annotation": annotation}
    accepted = accepted_unchanged(task, annotation)
    content = json.dumps(kept, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    return ExportedTask(annotated_at(annotation), task["id"], accepted, content)

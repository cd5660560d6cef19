"""The prelabel story: some tasks of a project to predictions that Label Studio keeps.

    tasks that lack a prediction of the version -> predictions -> those that still lack one -> pushed -> looked after

What is stored is asked of Label Studio, before the work and again before the push, and noted nowhere else. So the same
tasks can be prelabelled any number of times, by processes that are killed at any moment.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from backend.errors import LabelStudioError
from backend.pipelines.predict import PredictAnswer
from backend.versions.locks import locked

LOG = logging.getLogger(__name__)

Json = dict[str, Any]

PUSHES = 4
PAUSE_S = 3.0
"""After a push that broke off: Label Studio may still be storing what it was sent."""
NOT_TAKEN = "prediction_refused"


class KeepsPredictions(Protocol):
    """The part of Label Studio that is asked here; `label_studio.predictions.StoredPredictions` is one."""

    def missing_of(self, version: str, task_ids: Collection[int]) -> list[Json]: ...
    def nobody_annotated(self, task_ids: Collection[int]) -> set[int]: ...
    def push(self, predictions: Sequence[Json]) -> int: ...
    def of_task(self, task_id: int) -> list[Json]: ...
    def delete(self, prediction_id: int) -> None: ...


@dataclass(frozen=True, slots=True)
class PrelabelScene:
    """What it takes to prelabel tasks of one project by one version.

    Attributes:
        predict: predicts tasks by that version.
        older: names of versions whose predictions are deleted where a newer one was stored; empty keeps them.
        lock: held by whoever pushes to this project, so that nothing comes between a look and a push.
        pause_s: before a push that broke off is looked after.
    """

    stored: KeepsPredictions
    predict: Callable[[list[Json]], PredictAnswer]
    version: str
    older: frozenset[str]
    lock: Path
    pause_s: float = PAUSE_S


@dataclass(frozen=True, slots=True)
class ChunkReport:
    """What became of some tasks.

    Attributes:
        tasks: how many they were.
        stored: predictions that were stored.
        had: tasks that had one already, or are not there any more.
        replaced: predictions of older versions that were deleted.
        failed: by the code of the reason how many tasks have none.
    """

    tasks: int = 0
    stored: int = 0
    had: int = 0
    replaced: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> Json:
        """The numbers by their names."""
        return asdict(self) | {"failed": dict(self.failed)}


def prelabel(task_ids: Sequence[int], scene: PrelabelScene) -> ChunkReport:
    """Predict the tasks that lack a prediction of the version, and have Label Studio keep what came of it.

    Raises:
        ServiceError: something that all tasks need is missing or down; what was stored until then stays.
    """
    due = scene.stored.missing_of(scene.version, task_ids)
    answer = scene.predict(due) if due else PredictAnswer()
    made = {
        task["id"]: {"task": task["id"], **prediction}
        for task, prediction in zip(due, answer.results, strict=True)
        if isinstance(prediction, dict)
    }
    failed = Counter(str(line["code"]) for line in answer.errors)
    with locked(scene.lock):
        lacking = _push(made, scene)
        stored = made.keys() - lacking.keys()
        replaced = _delete_older(task_ids, scene)
    if lacking:
        LOG.error("predictions refused by Label Studio", extra={"tasks": sorted(lacking), "code": NOT_TAKEN})
        failed[NOT_TAKEN] += len(lacking)
    had = len(task_ids) - len(due)
    return ChunkReport(len(task_ids), len(stored), had, replaced, dict(failed))


def _push(made: Mapping[int, Json], scene: PrelabelScene) -> Mapping[int, Json]:
    """Push the predictions of the tasks that still lack one; those that Label Studio did not take.

    Raises:
        LabelStudioError: it does not answer, or refuses them as a whole.
    """
    for attempt in range(1, PUSHES + 1):
        lacking = {task["id"]: made[task["id"]] for task in scene.stored.missing_of(scene.version, made)}
        if not lacking:
            return {}
        try:
            if scene.stored.push(list(lacking.values())) < len(lacking):
                break  # those that do not fit the labeling configuration are dropped without a word
        except LabelStudioError as error:
            # 400: a task was deleted since it was looked for. No answer: what was stored is not known.
            may_pass = error.answered in (0, 400) or error.answered >= 500
            if attempt == PUSHES or not may_pass:
                raise
            LOG.warning("push of predictions broke off", extra={"code": error.code, "answered": error.answered})
            time.sleep(scene.pause_s)
        else:
            return {}
    return {task["id"]: made[task["id"]] for task in scene.stored.missing_of(scene.version, made)}


def _delete_older(task_ids: Sequence[int], scene: PrelabelScene) -> int:
    """Delete what older versions predicted of tasks that have a prediction of this one; how many these were.

    What somebody annotated keeps them: how much people had to change is measured by them.
    """
    if not scene.older:
        return 0
    lacking = {task["id"] for task in scene.stored.missing_of(scene.version, task_ids)}
    deleted = 0
    for task_id in sorted(scene.stored.nobody_annotated(task_ids) - lacking):
        for prediction in scene.stored.of_task(task_id):
            if prediction["model_version"] in scene.older:
                scene.stored.delete(prediction["id"])
                deleted += 1
    return deleted

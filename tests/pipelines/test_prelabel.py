"""Prelabelling a chunk against a Label Studio that drops, refuses and breaks off."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.errors import LabelStudioError, ServiceError
from backend.pipelines.predict import PredictAnswer
from backend.pipelines.prelabel import NOT_TAKEN, ChunkReport, PrelabelScene, prelabel
from backend.versions.locks import is_locked

Json = dict[str, Any]


class Studio:
    """What Label Studio stores of a project, with its manners.

    Attributes:
        before_push: called with the predictions, so that something can happen in between.
    """

    def __init__(self, tasks: Sequence[int]) -> None:
        self.tasks = set(tasks)
        self.annotated: set[int] = set()
        self.predictions: list[Json] = []
        self.unfit: set[int] = set()
        self.before_push: list[Callable[[Sequence[Json]], None]] = []
        self.pushed: list[list[int]] = []

    def keep(self, task: int, version: str) -> None:
        self.predictions.append({"id": len(self.predictions) + 1, "task": task, "model_version": version})

    def versions(self, task: int) -> list[str]:
        return [str(kept["model_version"]) for kept in self.predictions if kept["task"] == task]

    def missing_of(self, version: str, task_ids: Collection[int]) -> list[Json]:
        due = sorted(task for task in task_ids if task in self.tasks and version not in self.versions(task))
        return [{"id": task, "data": {}} for task in due]

    def nobody_annotated(self, task_ids: Collection[int]) -> set[int]:
        return set(task_ids) & self.tasks - self.annotated

    def push(self, predictions: Sequence[Json]) -> int:
        self.pushed.append([prediction["task"] for prediction in predictions])
        if self.before_push:
            self.before_push.pop(0)(predictions)
        if any(prediction["task"] not in self.tasks for prediction in predictions):
            raise LabelStudioError("label_studio_http", "an unknown task", answered=400)
        fit = [prediction for prediction in predictions if prediction["task"] not in self.unfit]
        for prediction in fit:
            self.keep(prediction["task"], prediction["model_version"])
        return len(fit)

    def of_task(self, task_id: int) -> list[Json]:
        return [kept for kept in self.predictions if kept["task"] == task_id]

    def delete(self, prediction_id: int) -> None:
        self.predictions = [kept for kept in self.predictions if kept["id"] != prediction_id]


def predict(tasks: list[Json]) -> PredictAnswer:
    """A prediction for each task but those with an odd number over 100, whose image is none."""
    answer = PredictAnswer()
    for task in tasks:
        if task["id"] > 100 and task["id"] % 2:
            answer.results.append([])
            answer.errors.append({"task": task["id"], "code": "image_format"})
        else:
            answer.results.append({"result": [], "score": 0.5, "model_version": "v2"})
    return answer


@pytest.fixture
def studio() -> Studio:
    return Studio(range(1, 6))


@pytest.fixture
def scene(studio: Studio, tmp_path: Path) -> PrelabelScene:
    return PrelabelScene(studio, predict, "v2", frozenset(), tmp_path / "push.lock", pause_s=0.0)


def each_once(studio: Studio) -> bool:
    return all(studio.versions(task).count("v2") == 1 for task in studio.tasks)


def test_each_task_gets_one_prediction_however_often_it_is_asked_for(studio: Studio, scene: PrelabelScene) -> None:
    studio.keep(2, "v2")
    assert prelabel([1, 2, 3], scene) == ChunkReport(tasks=3, stored=2, had=1)
    assert prelabel([1, 2, 3, 4, 5], scene) == ChunkReport(tasks=5, stored=2, had=3)
    assert prelabel([1, 2, 3, 4, 5], scene) == ChunkReport(tasks=5, had=5)
    assert each_once(studio)


def test_a_page_that_was_opened_while_it_was_predicted_keeps_that_prediction(
    studio: Studio, scene: PrelabelScene
) -> None:
    def slow(tasks: list[Json]) -> PredictAnswer:
        studio.keep(3, "v2")
        return predict(tasks)

    prelabel([1, 2, 3, 4, 5], replace(scene, predict=slow))
    assert each_once(studio)


def test_a_push_whose_answer_never_came_is_not_repeated(studio: Studio, scene: PrelabelScene) -> None:
    def store_and_break(predictions: Sequence[Json]) -> None:
        for prediction in predictions[:3]:
            studio.keep(prediction["task"], "v2")
        raise LabelStudioError("label_studio_unreachable", "cannot be reached")

    studio.before_push.append(store_and_break)
    assert prelabel([1, 2, 3, 4, 5], scene).stored == 5
    assert studio.pushed == [[1, 2, 3, 4, 5], [4, 5]]
    assert each_once(studio)


def test_nobody_else_pushes_between_a_look_and_a_push(studio: Studio, scene: PrelabelScene) -> None:
    held: list[bool] = []
    studio.before_push.append(lambda predictions: held.append(is_locked(scene.lock)))
    prelabel([1, 2, 3], scene)
    assert held == [True]
    assert not is_locked(scene.lock)


def test_a_task_that_is_deleted_meanwhile_costs_the_others_nothing(studio: Studio, scene: PrelabelScene) -> None:
    studio.before_push.append(lambda predictions: studio.tasks.discard(4))
    prelabel([1, 2, 3, 4, 5], scene)
    assert studio.tasks == {1, 2, 3, 5}
    assert each_once(studio)


def test_predictions_that_are_dropped_without_a_word_are_told(studio: Studio, scene: PrelabelScene) -> None:
    studio.unfit = {2}
    report = prelabel([1, 2, 3], scene)
    assert (report.stored, report.failed) == (2, {NOT_TAKEN: 1})
    assert len(studio.pushed) == 1  # the same would be dropped again


def test_pages_that_cannot_be_predicted_are_told_by_their_reason(studio: Studio, scene: PrelabelScene) -> None:
    studio.tasks |= {101, 103}
    report = prelabel([1, 101, 103], scene)
    assert (report.stored, report.failed) == (1, {"image_format": 2})
    assert report.to_json() == {"tasks": 3, "stored": 1, "had": 0, "replaced": 0, "failed": {"image_format": 2}}


@pytest.mark.parametrize("answered", [0, 502])
def test_a_label_studio_that_stays_down_ends_the_chunk(studio: Studio, scene: PrelabelScene, answered: int) -> None:
    def down(predictions: Sequence[Json]) -> None:
        raise LabelStudioError("label_studio_unreachable", "cannot be reached", answered=answered)

    studio.before_push = [down] * 10
    with pytest.raises(ServiceError):
        prelabel([1, 2], scene)
    assert 2 <= len(studio.pushed) <= 5


def test_a_refused_token_is_not_tried_again(studio: Studio, scene: PrelabelScene) -> None:
    def refuse(predictions: Sequence[Json]) -> None:
        raise LabelStudioError("label_studio_auth", "refuses the token", answered=403)

    studio.before_push = [refuse] * 10
    with pytest.raises(LabelStudioError):
        prelabel([1, 2], scene)
    assert len(studio.pushed) == 1


def test_older_predictions_are_replaced_only_where_nobody_annotated(studio: Studio, scene: PrelabelScene) -> None:
    for task in (1, 2, 3):
        studio.keep(task, "v1")
        studio.keep(task, "somebody else's")
    studio.annotated = {2}
    studio.unfit = {3}
    report = prelabel([1, 2, 3], replace(scene, older=frozenset({"v1"})))
    assert report.replaced == 1
    assert studio.versions(1) == ["somebody else's", "v2"]
    assert studio.versions(2) == ["v1", "somebody else's", "v2"]
    assert studio.versions(3) == ["v1", "somebody else's"]

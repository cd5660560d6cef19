"""Which tasks lack a prediction of a version, where Label Studio's filter knows parts of names only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from backend.errors import LabelStudioError
from backend.label_studio.client import LabelStudioClient
from backend.label_studio.predictions import PAGE_SIZE, StoredPredictions

Json = dict[str, Any]


class Studio(LabelStudioClient):
    """The part of Label Studio's API that is asked, with the manners of its data manager."""

    def __init__(self, tasks: int) -> None:
        self.tasks = list(range(1, tasks + 1))
        self.annotated: set[int] = set()
        self.stored: list[Json] = []
        self.asked: list[str] = []

    def keep(self, task: int, version: str) -> None:
        self.stored.append({"id": len(self.stored) + 1, "task": task, "model_version": version})

    def tasks_behind(self, project_id: int, behind: int, most: int, filters: Sequence[Json] = ()) -> list[Json]:
        found = [task for task in self.tasks if task > behind and all(self._passes(task, it) for it in filters)]
        return [{"id": task, "data": {}} for task in found][:most]

    def _passes(self, task: int, condition: Json) -> bool:
        field, value = condition["filter"].removeprefix("filter:tasks:"), condition["value"]
        if field == "id":
            assert condition["operator"] == "less"
            return task < int(value)
        if field == "total_annotations":
            return task not in self.annotated
        holds = any(value[0] in it["model_version"] for it in self.stored if it["task"] == task)
        return holds if condition["operator"] == "contains" else not holds

    def get(self, path: str, query: Any = None) -> Any:
        self.asked.append(path)
        if path.endswith("/model-versions/"):
            names = {it["model_version"] for it in self.stored}
            return {name: sum(it["model_version"] == name for it in self.stored) for name in names}
        return [it for it in self.stored if it["task"] == query["task"]]

    def delete(self, path: str) -> None:
        number = int(path.rstrip("/").rpartition("/")[2])
        if all(it["id"] != number for it in self.stored):
            raise LabelStudioError("label_studio_http", "not there", answered=404)
        self.stored = [it for it in self.stored if it["id"] != number]


@pytest.fixture
def studio() -> Studio:
    return Studio(8)


def ids(tasks: Any) -> list[int]:
    return [task["id"] for task in tasks]


def test_tasks_that_lack_a_version_are_found_page_by_page() -> None:
    studio = Studio(2 * PAGE_SIZE + 3)
    studio.keep(2, "v1")
    studio.annotated = {3}
    stored = StoredPredictions(studio, 3)
    assert ids(stored.missing("v1", annotated=True)) == [1, *range(3, 2 * PAGE_SIZE + 4)]
    assert ids(stored.missing("v1", annotated=False)) == [1, *range(4, 2 * PAGE_SIZE + 4)]
    assert all(path.endswith("/model-versions/") for path in studio.asked)  # no question for each task


def test_a_version_is_not_taken_for_another_whose_name_it_is_a_part_of(studio: Studio) -> None:
    studio.keep(1, "v1")
    studio.keep(2, "v12")
    assert ids(StoredPredictions(studio, 3).missing("v1", annotated=True)) == [2, 3, 4, 5, 6, 7, 8]
    assert ids(StoredPredictions(studio, 3).missing_of("v1", [1, 2, 7, 99])) == [2, 7]
    assert ids(StoredPredictions(studio, 3).missing_of("v12", [1, 2, 7])) == [1, 7]


def test_only_the_tasks_that_are_asked_for_are_given(studio: Studio) -> None:
    stored = StoredPredictions(studio, 3)
    assert ids(stored.missing_of("v1", [3, 5])) == [3, 5]
    assert stored.missing_of("v1", []) == []
    studio.annotated = {5}
    assert stored.nobody_annotated([3, 5, 99]) == {3}


def test_the_oldest_of_several_predictions_of_a_version_stays(studio: Studio) -> None:
    for task, version in ((1, "v1"), (1, "v1"), (1, "v12"), (2, "v1"), (1, "v1"), (3, "v12"), (3, "v12")):
        studio.keep(task, version)
    stored = StoredPredictions(studio, 3)
    assert stored.delete_doubles("v1") == 2
    assert [(it["id"], it["model_version"]) for it in studio.stored if it["task"] == 1] == [(1, "v1"), (3, "v12")]
    studio.asked.clear()
    assert stored.delete_doubles("v1") == 0


def test_what_is_gone_already_is_deleted(studio: Studio) -> None:
    StoredPredictions(studio, 3).delete(77)

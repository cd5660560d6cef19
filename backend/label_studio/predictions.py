"""The predictions that Label Studio keeps of a project: which tasks lack one of a version, pushing, deleting."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from backend.errors import LabelStudioError
from backend.label_studio.client import NOBODY_ANNOTATED, LabelStudioClient, task_filter
from backend.label_studio.tokens import ADDRESS_HINT

Json = dict[str, Any]

PAGE_SIZE = 100


class StoredPredictions:
    """Those of one project.

    Nothing is remembered here: Label Studio is the truth, so that a process that was killed between a push and its
    answer finds what it had pushed.
    """

    def __init__(self, client: LabelStudioClient, project_id: int) -> None:
        self._client = client
        self._project_id = project_id

    def missing(self, version: str, *, annotated: bool) -> Iterator[Json]:
        """Every task that has no prediction of this version, by ascending id; without annotations and predictions.

        Args:
            annotated: those that somebody annotated too.
        """
        return self._missing(version, 0, None, [] if annotated else [NOBODY_ANNOTATED])

    def missing_of(self, version: str, task_ids: Collection[int]) -> list[Json]:
        """Those of some tasks that have no prediction of this version; tasks that were deleted are not among them."""
        if not task_ids:
            return []
        first, last, wanted = min(task_ids), max(task_ids), set(task_ids)
        return [task for task in self._missing(version, first - 1, last, []) if task["id"] in wanted]

    def nobody_annotated(self, task_ids: Collection[int]) -> set[int]:
        """Those of some tasks that nobody annotated."""
        if not task_ids:
            return set()
        found = self._tasks(min(task_ids) - 1, max(task_ids), [NOBODY_ANNOTATED])
        return {task["id"] for task in found} & set(task_ids)

    def push(self, predictions: Sequence[Json]) -> int:
        """Store predictions, each with the id of its `task`; how many Label Studio took.

        It drops without a word those that do not fit the labeling configuration, and refuses all with 400 where one is
        for a task that is not there.

        Raises:
            LabelStudioError: nothing is known of what was stored where `answered` is 0, or 500 and more.
        """
        answer = self._client.post(f"/api/projects/{self._project_id}/import/predictions", list(predictions))
        created = answer.get("created") if isinstance(answer, dict) else None
        if not isinstance(created, int):
            raise LabelStudioError("label_studio_http", "Label Studio does not say how many predictions it stored")
        return created

    def of_task(self, task_id: int) -> list[Json]:
        """The predictions of a task, oldest first, with `id` and `model_version`."""
        found = self._client.get("/api/predictions/", {"task": task_id})
        if not isinstance(found, list):
            raise LabelStudioError(
                "label_studio_http", "Label Studio lists no predictions where it should", ADDRESS_HINT
            )
        return sorted(found, key=lambda prediction: prediction["id"])

    def delete(self, prediction_id: int) -> None:
        """Delete a prediction; one that is gone already is as well."""
        try:
            self._client.delete(f"/api/predictions/{prediction_id}/")
        except LabelStudioError as error:
            if error.answered != 404:
                raise

    def counts(self) -> dict[str, int]:
        """How many predictions there are of each version."""
        found = self._client.get(f"/api/projects/{self._project_id}/model-versions/")
        if not isinstance(found, dict):
            raise LabelStudioError("label_studio_http", "Label Studio lists no versions where it should", ADDRESS_HINT)
        return {str(name): int(count) for name, count in found.items()}

    def delete_doubles(self, version: str) -> int:
        """Leave one prediction of this version to each task that has several, the oldest; how many were deleted.

        There are some where a task was opened while it was predicted here, or where Label Studio took a push that
        broke off. Cheap where there are none.
        """
        having = [task["id"] for task in self._having(version)]
        if self.counts().get(version, 0) <= len(having):
            return 0
        deleted = 0
        for task_id in having:
            same = [found["id"] for found in self.of_task(task_id) if found["model_version"] == version]
            for prediction_id in same[1:]:
                self.delete(prediction_id)
                deleted += 1
        return deleted

    def chosen(self) -> str:
        """The project's own version: the title of a backend for live predictions, or the name of a version."""
        return str(self._client.project(self._project_id).get("model_version") or "")

    def choose(self, version: str) -> None:
        """Make a version the project's own: the one whose scores Label Studio shows, sorts and samples by.

        Raises:
            LabelStudioError: also 400 where no prediction of it is stored.
        """
        self._client.patch(f"/api/projects/{self._project_id}/", {"model_version": version})

    def _missing(self, version: str, behind: int, last: int | None, filters: list[Json]) -> Iterator[Json]:
        # The filter of Label Studio looks for a part of the name: "v1" is in "v12" too.
        alike = any(version in name and name != version for name in self.counts())
        without = [] if alike else [task_filter("predictions_model_versions", [version], "not_contains", "List")]
        for task in self._tasks(behind, last, [*filters, *without]):
            if not alike or all(found["model_version"] != version for found in self.of_task(task["id"])):
                yield task

    def _having(self, version: str) -> list[Json]:
        """The tasks with a prediction of this version, or of one whose name it is a part of."""
        found = self._tasks(0, None, [task_filter("predictions_model_versions", [version], "contains", "List")])
        return list({task["id"]: task for task in found}.values())

    def _tasks(self, behind: int, last: int | None, filters: list[Json]) -> Iterator[Json]:
        bound = [] if last is None else [task_filter("id", last + 1, "less")]
        while tasks := self._client.tasks_behind(self._project_id, behind, PAGE_SIZE, [*bound, *filters]):
            yield from tasks
            behind = tasks[-1]["id"]

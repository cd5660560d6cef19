"""Label Studio's API, as far as this backend needs it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from backend.errors import LabelStudioError
from backend.label_studio.api import LabelStudioApi
from backend.label_studio.tokens import ADDRESS_HINT

Json = dict[str, Any]

# Listing tasks makes Label Studio ask its backends for predictions first, where a project evaluates automatically.
_LIST_READ_S = 120.0
_PAGE_TRIES = 3
# How far the search for the newest annotation goes; mostly the first task of the first page has it.
_NEWEST_PAGE_SIZE = 20
_NEWEST_PAGES = 20
_NEVER = datetime.min.replace(tzinfo=UTC)
_COUNTERS = ("total_annotations_number", "skipped_annotations_number", "ground_truth_number")


class LabelStudioClient(LabelStudioApi):
    """One Label Studio and what is asked of it; safe to use from several threads."""

    def project(self, project_id: int) -> Json:
        """The project as Label Studio describes it, with its labeling configuration."""
        return self.get_object(f"/api/projects/{project_id}/", {})

    def annotated_tasks(self, project_id: int, page_size: int = 100) -> Iterator[Json]:
        """Every task with an annotation that was not skipped, by ascending id, one page in memory at a time.

        Annotations are complete, skipped ones of the same task among them (`was_cancelled`); `data` is as stored.
        Listing has a side effect in Label Studio: where a project evaluates predictions automatically, it first asks
        its backends to predict the tasks of the page that have no prediction.

        Each page asks for the ids behind the last one seen, so that a task that is annotated or deleted meanwhile
        shifts nothing, and is compared with the count that comes with it.

        Raises:
            LabelStudioError: also `label_studio_incomplete`, when pages and counts do not agree.
        """
        last_id = 0
        while True:
            tasks, total = self._page_behind(project_id, last_id, page_size)
            yield from tasks
            if len(tasks) == total:
                return
            last_id = tasks[-1]["id"]

    def open_tasks(self, project_id: int, first_id: int, most: int) -> list[Json]:
        """Tasks that nobody has annotated, by ascending id from `first_id` on, then those before it from the first on.

        They come without annotations and predictions, `data` as stored. Label Studio is told that the list is for a
        review: so it asks no backend for predictions, whatever the project's settings are.
        """
        behind = self._open(project_id, [NOBODY_ANNOTATED, task_filter("id", first_id - 1)], most)
        missing = most - len(behind)
        before = [NOBODY_ANNOTATED, task_filter("id", first_id, "less")]
        return behind + (self._open(project_id, before, missing) if missing and first_id > 1 else [])

    def _open(self, project_id: int, filters: list[Json], most: int) -> list[Json]:
        parameters = _listing(project_id, filters, "tasks:id", 1, most) | {"review": "true"}
        tasks: list[Json] = _task_list(self.get_object("/api/tasks/", parameters))["tasks"]
        return tasks

    def tasks_behind(self, project_id: int, behind: int, most: int, filters: Sequence[Json] = ()) -> list[Json]:
        """Tasks with an id above `behind`, ascending, as `open_tasks` gives them.

        Args:
            filters: of `task_filter`, which all of them pass.
        """
        return self._open(project_id, [task_filter("id", behind), *filters], most)

    def fingerprint(self, project_id: int) -> str:
        """A short text that changes when an annotation of the project is added, changed, skipped or deleted.

        It is made of the project's counters, which every addition and deletion changes, and of the newest annotation,
        which every addition and change replaces. Predictions do not count, although Label Studio takes each stored
        one for a change of its task.
        """
        project = self.project(project_id)
        return "-".join([*(str(project.get(name)) for name in _COUNTERS), self._newest_annotation(project_id)])

    def _newest_annotation(self, project_id: int) -> str:
        """Id and time of the annotation that changed last; the time of the last changed task in rare cases.

        A task's time of change is never before that of its annotations, so among tasks from the last changed on, the
        search ends at the first one that is older than the best annotation so far: mostly the second one. When
        predictions were just stored for very many annotated tasks it ends early with the time of a task, which is a
        change too many, never one too few.
        """
        newest, newest_id = _NEVER, 0
        seen = 0
        for page in range(1, _NEWEST_PAGES + 1):
            answer = self._tasks(project_id, [], "-tasks:updated_at", page, _NEWEST_PAGE_SIZE)
            for task in answer["tasks"]:
                if _time(task) < newest:
                    return f"{newest_id}@{newest.isoformat()}"
                newest, newest_id = max([(newest, newest_id), *((_time(it), it["id"]) for it in task["annotations"])])
            seen += len(answer["tasks"])
            if seen >= answer["total"] or not answer["tasks"]:
                return f"{newest_id}@{newest.isoformat()}"
        first = self._tasks(project_id, [], "-tasks:updated_at", 1, 1)
        return f"task@{first['tasks'][0]['updated_at']}"

    def _page_behind(self, project_id: int, last_id: int, page_size: int) -> tuple[list[Json], int]:
        """The tasks that follow `last_id`, at most a page of them, and how many there are in all behind it."""
        behind = task_filter("id", last_id)
        for _ in range(_PAGE_TRIES):
            answer = self._tasks(project_id, [behind], "tasks:id", 1, page_size)
            tasks, total = answer["tasks"], answer["total"]
            ids = [last_id, *(task["id"] for task in tasks)]
            if len(tasks) == min(page_size, total) and all(one < next_ for one, next_ in pairwise(ids)):
                return tasks, total
        raise LabelStudioError(
            "label_studio_incomplete",
            f"Label Studio lists {len(tasks)} annotated tasks behind task {last_id} and counts {total}",
            "look into Label Studio's log; nothing is trained on a part of the annotations",
        )

    def _tasks(self, project_id: int, filters: list[Json], ordering: str, page: int, page_size: int) -> Json:
        """A page of the annotated tasks of a project, with their annotations and `total`."""
        filters = [task_filter("total_annotations", 0), *filters]
        parameters = _listing(project_id, filters, ordering, page, page_size) | {"fields": "all"}
        return _task_list(self.get_object("/api/tasks/", parameters, max(self._read_s, _LIST_READ_S)))


def _listing(project_id: int, filters: list[Json], ordering: str, page: int, page_size: int) -> dict[str, str | int]:
    """The query of a list of tasks."""
    return {
        "project": project_id,
        "page": page,
        "page_size": page_size,
        "resolve_uri": "false",
        "query": json.dumps({"filters": {"conjunction": "and", "items": filters}, "ordering": [ordering]}),
    }


def _task_list(answer: Json) -> Json:
    """An answer, if it is a list of tasks with their `total`."""
    if not isinstance(answer.get("tasks"), list) or not isinstance(answer.get("total"), int):
        raise LabelStudioError("label_studio_http", "Label Studio lists no tasks where it should", ADDRESS_HINT)
    return answer


def task_filter(field: str, value: Any, operator: str = "greater", kind: str = "Number") -> Json:
    """A condition on the tasks of a list, in the words of Label Studio's data manager."""
    return {"filter": f"filter:tasks:{field}", "operator": operator, "type": kind, "value": value}


NOBODY_ANNOTATED = task_filter("total_annotations", 0, "equal")


def _time(record: Json) -> datetime:
    return datetime.fromisoformat(record["updated_at"])

"""A stand-in for Label Studio that holds annotations, and remembers what was exported of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any

Json = dict[str, Any]

_ANNOTATED, _ID = "filter:tasks:total_annotations", "filter:tasks:id"
_MATCHES: dict[str, Callable[[int, int], bool]] = {
    "greater": lambda found, value: found > value,
    "less": lambda found, value: found < value,
    "equal": lambda found, value: found == value,
}


@dataclass(frozen=True, slots=True)
class Export:
    """The annotated tasks of a project as they were listed from the first to the last.

    Attributes:
        ended: seconds since the epoch.
        revisions: by task how often its annotation had been saved.
    """

    ended: float
    revisions: Mapping[int, int]


@dataclass(slots=True)
class _Project:
    label_config: str
    tasks: dict[int, Json] = field(default_factory=dict)
    revisions: dict[int, int] = field(default_factory=dict)
    walk: dict[int, int] = field(default_factory=dict)
    export: Export | None = None


class SoakStudio:
    """Projects with tasks; safe to use from several threads.

    Attributes:
        url: to be given to the backend as `LABEL_STUDIO_URL`.
        images: by path what is served.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.images: dict[str, bytes] = {}
        self._projects: dict[int, _Project] = {}
        self._lock = Lock()

    def add_project(self, number: int, label_config: str) -> None:
        self._projects[number] = _Project(label_config)

    def label_config(self, project: int) -> str:
        return self._projects[project].label_config

    def upload(self, project: int, image: bytes) -> Json:
        """A new task, as Label Studio sends it to `/predict`."""
        with self._lock:
            number = len(self.images) + 1
            path = f"/data/upload/{project}/page{number}.png"
            self.images[path] = image
            task = {"id": number, "data": {"image": path}, "annotations": [], "predictions": [], "updated_at": _now()}
            self._projects[project].tasks[number] = task
            return dict(task)

    def save(self, project: int, task: int, results: Sequence[Json]) -> Json:
        """Save the annotation of a task, or save it again; the annotation."""
        with self._lock:
            known = self._projects[project]
            annotation = {"id": task, "result": list(results), "was_cancelled": False, "updated_at": _now()}
            known.tasks[task] = known.tasks[task] | {"annotations": [annotation], "updated_at": _now()}
            known.revisions[task] = known.revisions.get(task, 0) + 1
            return annotation

    def saved(self, project: int) -> dict[int, int]:
        """By task how often its annotation was saved."""
        with self._lock:
            return dict(self._projects[project].revisions)

    def last_export(self, project: int) -> Export | None:
        """The last export that came to its end."""
        return self._projects[project].export

    # What the backend asks

    def project(self, number: int) -> Json:
        with self._lock:
            known = self._projects[number]
            return {
                "id": number,
                "label_config": known.label_config,
                "total_annotations_number": len(known.revisions),
                "task_number": len(known.tasks),
            }

    def listed(self, project: int, query: Json, page_size: int) -> Json:
        filters = query["filters"]["items"]
        (ordering,) = query["ordering"]
        key = ordering.rpartition(":")[2]
        with self._lock:
            known = self._projects[project]
            found = [task for task in known.tasks.values() if _is_meant(task, filters)]
            found.sort(key=lambda task: task[key], reverse=ordering.startswith("-"))
            listed = found[:page_size]
            if ordering == "tasks:id":
                self._note_export(known, filters, listed, complete=len(listed) == len(found))
            return {"tasks": listed, "total": len(found)}

    def _note_export(self, known: _Project, filters: list[Json], listed: list[Json], *, complete: bool) -> None:
        """An export goes through the annotated tasks by their ids, a page at a time behind the one before."""
        wanted = {item["filter"]: item for item in filters}
        if wanted.get(_ANNOTATED, {}).get("operator") != "greater":
            return
        if wanted[_ID]["value"] == 0:
            known.walk = {}
        known.walk |= {task["id"]: known.revisions[task["id"]] for task in listed}
        if complete:
            known.export = Export(time.time(), known.walk)


def _is_meant(task: Json, filters: list[Json]) -> bool:
    values = {_ANNOTATED: len(task["annotations"]), _ID: task["id"]}
    return all(_MATCHES[item["operator"]](values[item["filter"]], item["value"]) for item in filters)


def _now() -> str:
    return datetime.now(UTC).isoformat()

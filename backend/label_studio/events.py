"""What a webhook of Label Studio means. Its content is a hint to look at a project, never training data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from backend.errors import RequestError

# "<id>" or "<id>.<unix time of creation>", as /setup and /predict send it.
_PROJECT = re.compile(r"([0-9]{1,12})(\.[0-9]{1,20})?")

MOST_TITLE = 100
"""Letters that are kept of a title; Label Studio allows 50."""


class EventKind(StrEnum):
    """What is to be done about an event."""

    CHANGED = "changed"
    TRAIN = "train"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Event:
    """One webhook.

    Attributes:
        count: how many annotations or annotated tasks it tells of.
        label_config: the project's labeling configuration, where the event carries it.
        title: the project's, for people; empty where the event does not carry it.
    """

    project_id: int
    kind: EventKind
    action: str
    count: int = 1
    label_config: str | None = None
    title: str = ""


def project_id(value: object) -> int:
    """The number of a project given as `"3.1700000000"`, `"3"`, `3` or `{"id": 3}`.

    Raises:
        RequestError: `bad_project`, for anything else.
    """
    if isinstance(value, dict):
        value = value.get("id")
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    match = _PROJECT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise RequestError("bad_project", "project must be a project number, such as 3 or 3.1700000000")
    return int(match[1])


def parse_event(body: dict[str, Any]) -> Event:
    """The meaning of a webhook's body. An unknown action is an event to ignore.

    Raises:
        RequestError: `bad_action` or `bad_project` where the body does not say what happened and where.
    """
    action = body.get("action")
    if not isinstance(action, str) or not action:
        raise RequestError("bad_action", "the webhook has no action")
    project = body.get("project")
    if project is None:
        raise RequestError(
            "bad_project",
            "the webhook names no project; switch on its payload (send_payload)",
            "in Label Studio: Settings > Webhooks > Send payload",
        )
    kind, count = _meaning(action, body)
    told = project if isinstance(project, dict) else {}
    label_config, title = told.get("label_config"), told.get("title")
    return Event(
        project_id(project),
        kind,
        action,
        count,
        label_config if isinstance(label_config, str) else None,
        title[:MOST_TITLE] if isinstance(title, str) else "",
    )


def _meaning(action: str, body: dict[str, Any]) -> tuple[EventKind, int]:
    """What is to be done, and about how many annotations."""
    if action == "START_TRAINING":
        return EventKind.TRAIN, 1
    if action in ("ANNOTATION_CREATED", "ANNOTATION_UPDATED"):
        annotation = body.get("annotation")
        # A page that was skipped just now had no annotation before: there is nothing to learn from it.
        skipped = action == "ANNOTATION_CREATED" and isinstance(annotation, dict) and annotation.get("was_cancelled")
        return (EventKind.IGNORED, 0) if skipped else (EventKind.CHANGED, 1)
    if action == "ANNOTATIONS_CREATED":
        return EventKind.CHANGED, _length(body.get("annotation"))
    if action == "ANNOTATIONS_DELETED":
        return EventKind.CHANGED, _length(body.get("annotations"))
    if action == "TASKS_CREATED":
        # Tasks imported with annotations cause no other event.
        tasks = body.get("tasks")
        annotated = [task for task in tasks if _is_annotated(task)] if isinstance(tasks, list) else []
        return (EventKind.CHANGED, len(annotated)) if annotated else (EventKind.IGNORED, 0)
    return EventKind.IGNORED, 0


def _length(items: object) -> int:
    return max(1, len(items)) if isinstance(items, list) else 1


def _is_annotated(task: object) -> bool:
    total = task.get("total_annotations") if isinstance(task, dict) else None
    return isinstance(total, int) and total > 0

"""Which of the annotated pages a run uses: not every empty one, and not mostly predictions that were accepted."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from backend.pipelines.annotated import AnnotatedTask

EMPTY_FOR_EACH = 1
"""Empty pages that are used for each page with boxes, however many the project has. Measured on receipts among other
documents: this many bring the boxes drawn on other documents from 2.4 a page to 0.1; more bring nothing, take longer
and cost receipts that are recognised."""
ENOUGH_TASKS = 50
"""Tasks to learn from below which an accepted prediction is never left out: each page is worth more than the risk."""

Place = tuple[int, int]
"""A page: its task's id and its number in the task."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The tasks that are used, with those of their pages that are used, in the order they came in.

    Attributes:
        facts: how many pages, empty pages and accepted tasks are used, and how many were left out, by name.
    """

    tasks: list[AnnotatedTask]
    facts: dict[str, int]


def choose_to_learn(tasks: Sequence[AnnotatedTask]) -> Chosen:
    """The pages to learn from; none where not a single one has a box."""
    independent = _without_own_echo(tasks)
    chosen = choose_to_judge(independent)
    accepted = sum(task.accepted for task in chosen.tasks)
    facts = {"accepted_tasks": accepted, "accepted_left_out": len(tasks) - len(independent)}
    return Chosen(chosen.tasks, chosen.facts | facts)


def choose_to_judge(tasks: Sequence[AnnotatedTask]) -> Chosen:
    """The pages to judge on: as many empty ones for each page with boxes as are learnt from."""
    with_boxes = {place for task in tasks for place in _places(task, empty=False)}
    empty = [place for task in tasks for place in _places(task, empty=True)]
    kept = set(sorted(empty, key=_lot)[: EMPTY_FOR_EACH * len(with_boxes)])
    used = [_only(task, with_boxes | kept) for task in tasks]
    facts = {
        "pages": len(with_boxes) + len(kept),
        "empty_pages": len(kept),
        "empty_left_out": len(empty) - len(kept),
    }
    return Chosen([task for task in used if task.pages], facts)


def _without_own_echo(tasks: Sequence[AnnotatedTask]) -> list[AnnotatedTask]:
    """The tasks without so many that took a prediction over unchanged, the oldest first, that these are the majority.

    A model that learnt mostly what it said itself would hold on to its errors.
    """
    accepted = [task for task in tasks if task.accepted]
    others = len(tasks) - len(accepted)
    if not others:
        return list(tasks)
    newest = sorted(accepted, key=lambda task: (task.annotated_at, task.task_id), reverse=True)
    kept = {task.task_id for task in newest[: max(others, ENOUGH_TASKS - others)]}
    return [task for task in tasks if not task.accepted or task.task_id in kept]


def _places(task: AnnotatedTask, *, empty: bool) -> list[Place]:
    return [(task.task_id, number) for number, boxes in enumerate(task.boxes) if empty != bool(boxes)]


def _only(task: AnnotatedTask, places: set[Place]) -> AnnotatedTask:
    """The task with those of its pages that are in `places`."""
    kept = [number for number in range(len(task.pages)) if (task.task_id, number) in places]
    return replace(
        task,
        pages=tuple(task.pages[number] for number in kept),
        boxes=tuple(task.boxes[number] for number in kept),
    )


def _lot(place: Place) -> str:
    """A place's turn in an order that is by chance, and the same in each run."""
    return hashlib.sha256("{}/{}".format(*place).encode()).hexdigest()

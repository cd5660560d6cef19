"""Which of the annotated pages a run uses: not every empty one, and not mostly predictions that were accepted."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from backend.pipelines.annotated import AnnotatedTask

EMPTY_FOR_EACH = 1
"""Empty pages that are used for each page with boxes, however many the project has. Measured on receipts among other
documents: this many bring the boxes drawn on other documents from 2.4 a page to 0.1; more bring nothing, take longer
and cost receipts that are recognised."""
ENOUGH_TASKS = 50
"""Tasks to learn from below which an accepted prediction is never left out: each page is worth more than the risk."""
MOST_LABELS = 100
"""Labels, those drawn most, that the fast learner knows: its time grows with their number, and from here faster."""
MOST_WORK = 1_000_000
"""Words times tags that the fast learner is fitted to, which takes some fifteen seconds: 500 pages of 180 words with
five labels, 2 600 with a label alone. It bounds its memory too: each word takes a kilobyte."""

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


def choose_for_field(tasks: Sequence[AnnotatedTask]) -> list[AnnotatedTask]:
    """What the fast learner can be fitted to in seconds, in the order it came in: all tasks of most projects.

    Of too many the ones annotated last are taken, one at least; of too many labels those that are drawn most.
    """
    drawn = Counter(box.label for task in tasks for boxes in task.boxes for box in boxes)
    common = {label for label, _ in drawn.most_common(MOST_LABELS)}
    words_left = MOST_WORK // (2 * len(common) + 1)
    kept: set[int] = set()
    for task in sorted(tasks, key=_age, reverse=True):
        words_left -= sum(len(page.words) for page in task.pages)
        if kept and words_left < 0:
            break
        kept.add(task.task_id)
    used = [task for task in tasks if task.task_id in kept]
    return [_with_labels(task, common) for task in used] if len(drawn) > len(common) else used


def _with_labels(task: AnnotatedTask, labels: set[str]) -> AnnotatedTask:
    """The task without boxes of other labels."""
    return replace(task, boxes=tuple(tuple(box for box in boxes if box.label in labels) for boxes in task.boxes))


def _age(task: AnnotatedTask) -> tuple[datetime, int]:
    """Sorts tasks from the one annotated first to the one annotated last."""
    return task.annotated_at, task.task_id


def _without_own_echo(tasks: Sequence[AnnotatedTask]) -> list[AnnotatedTask]:
    """The tasks without so many that took a prediction over unchanged, the oldest first, that these are the majority.

    A model that learnt mostly what it said itself would hold on to its errors.
    """
    accepted = [task for task in tasks if task.accepted]
    others = len(tasks) - len(accepted)
    if not others:
        return list(tasks)
    newest = sorted(accepted, key=_age, reverse=True)
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

"""How the F1 grows with the annotated pages: the fast learner fitted again to parts of them, judged on the others."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from backend.document.page import Page
from backend.document.region import LabelledBox
from backend.training.judged import JudgedTask, task_scores
from backend.training.scores import total

SIZES = 5
SHUFFLES = (2, 8)
"""At least and at most; between these as many as make SHUFFLED_TASKS: a small project's points are uneven and cheap."""
SHUFFLED_TASKS = 120
JUDGED_SHARE = 0.25
MOST_LEARNT = 120
"""Tasks that the largest fit learns from; a fit of that many takes about ten seconds."""
MOST_JUDGED = 40
BUDGET_S = 40.0
"""No further fit begins after this time."""


class Annotated(Protocol):
    """A task with what people drew on each of its pages."""

    @property
    def task_id(self) -> int: ...
    @property
    def pages(self) -> tuple[Page, ...]: ...
    @property
    def boxes(self) -> tuple[tuple[LabelledBox, ...], ...]: ...


Task = TypeVar("Task", bound=Annotated)
Refit = Callable[[Sequence[Task], Sequence[Task]], Sequence[JudgedTask]]
"""Fits the fast learner to the first tasks and judges it on the second."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The F1 of one fit.

    Attributes:
        pages: pages it learnt from; of a label, those with the label.
    """

    pages: int
    f1: float


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """The points of all fits, in the order of their pages; no points where there are too few pages to measure."""

    overall: tuple[CurvePoint, ...] = ()
    labels: dict[str, tuple[CurvePoint, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "points": _points(self.overall),
            "labels": {label: _points(points) for label, points in self.labels.items()},
        }


def measure_curve(
    tasks: Sequence[Task],
    labels: Sequence[str],
    refit: Refit[Task],
    *,
    budget_s: float = BUDGET_S,
    clock: Callable[[], float] = time.monotonic,
) -> LearningCurve:
    """The learning curve of a project, in seconds to `budget_s` and one fit.

    In each shuffle the same tasks judge all sizes, and a larger part holds the smaller ones, so that the points differ
    by what was learnt alone. A task keeps its place from run to run, whatever is annotated besides.
    """
    started = clock()
    overall: list[CurvePoint] = []
    by_label: dict[str, list[CurvePoint]] = {label: [] for label in labels}
    for learnt, judged in _parts(tasks):
        if clock() - started > budget_s:
            break
        scores = total(task_scores(refit(learnt, judged)))
        overall.append(CurvePoint(sum(len(task.pages) for task in learnt), scores.micro.f1))
        for label, points in by_label.items():
            pages = pages_with(label, learnt)
            counts = scores.by_label.get(label)
            if pages and counts is not None and counts.drawn:
                points.append(CurvePoint(pages, counts.f1))
    return LearningCurve(_ordered(overall), {label: _ordered(points) for label, points in by_label.items()})


def pages_with(label: str, tasks: Sequence[Annotated]) -> int:
    """The pages on which people drew the label."""
    return sum(any(box.label == label for box in boxes) for task in tasks for boxes in task.boxes)


def _parts(tasks: Sequence[Task]) -> Iterator[tuple[list[Task], list[Task]]]:
    """The tasks to learn from and to judge on, small parts first."""
    least, most = SHUFFLES
    for shuffle in range(min(most, max(least, SHUFFLED_TASKS // max(1, len(tasks))))):
        mixed = sorted(tasks, key=lambda task: hashlib.sha256(f"{shuffle}/{task.task_id}".encode()).digest())
        judged_count = min(MOST_JUDGED, round(JUDGED_SHARE * len(mixed)))
        judged, pool = mixed[:judged_count], mixed[judged_count:][:MOST_LEARNT]
        if not judged:
            return
        for size in _sizes(len(pool)):
            yield pool[:size], judged


def _sizes(largest: int) -> list[int]:
    """Up to SIZES different sizes, each about half of the next."""
    return sorted({round(largest / 2**halvings) for halvings in range(SIZES)} - {0})


def _ordered(points: Sequence[CurvePoint]) -> tuple[CurvePoint, ...]:
    return tuple(sorted(points, key=lambda point: point.pages))


def _points(points: Sequence[CurvePoint]) -> list[dict[str, float]]:
    return [{"pages": point.pages, "f1": round(point.f1, 4)} for point in points]

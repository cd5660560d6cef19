from __future__ import annotations

from collections.abc import Sequence
from itertools import count, pairwise

import pytest

from backend.pipelines.annotated import AnnotatedTask
from backend.reports.learning_curve import MOST_JUDGED, MOST_LEARNT, LearningCurve, measure_curve, pages_with
from backend.training.judged import JudgedTask
from tests.reports.judged import PAGE, RECEIPT_LABELS, drawn, receipts, refit

Parts = list[tuple[list[int], list[int]]]


def blank_tasks(number: int) -> list[AnnotatedTask]:
    return [AnnotatedTask(at, (PAGE,), ((drawn("total", 0),),)) for at in range(number)]


def parts_of(number: int, **options: object) -> tuple[Parts, LearningCurve]:
    """Which tasks are learnt and judged in each fit."""
    parts: Parts = []

    def note(learnt: Sequence[AnnotatedTask], judged: Sequence[AnnotatedTask]) -> list[JudgedTask]:
        parts.append(([task.task_id for task in learnt], [task.task_id for task in judged]))
        return [JudgedTask(task.task_id, task.pages, task.boxes, ((),)) for task in judged]

    curve = measure_curve(blank_tasks(number), ("total",), note, **options)  # type: ignore[arg-type]
    return parts, curve


@pytest.mark.parametrize("number", [3, 5, 12, 60, 400])
def test_parts_are_nested_and_judge_on_others(number: int) -> None:
    parts, _ = parts_of(number)
    assert len(parts) <= 40
    for learnt, judged in parts:
        assert learnt
        assert judged
        assert not set(learnt) & set(judged)
        assert len(learnt) <= MOST_LEARNT
        assert len(judged) <= MOST_JUDGED
    for (smaller, judged), (larger, judged_next) in pairwise(parts):
        if len(smaller) < len(larger):
            assert smaller == larger[: len(smaller)]
            assert judged == judged_next


def test_a_task_keeps_its_place_when_others_are_annotated() -> None:
    before, after = parts_of(40)[0], parts_of(41)[0]
    assert len(set(before[0][1]) ^ set(after[0][1])) <= 2


def test_no_curve_for_too_few_pages() -> None:
    for number in (0, 1):
        assert parts_of(number) == ([], LearningCurve((), {"total": ()}))


def test_no_fit_begins_after_the_time_is_used_up() -> None:
    parts, curve = parts_of(40, budget_s=2.5, clock=count().__next__)
    assert len(parts) == len(curve.overall) == 2


def test_pages_with_a_label_are_counted_not_tasks() -> None:
    two_pages = AnnotatedTask(1, (PAGE, PAGE), ((drawn("total", 0), drawn("total", 1)), (drawn("total", 0),)))
    assert pages_with("total", [two_pages, *blank_tasks(1)]) == 3
    assert pages_with("date", [two_pages]) == 0


def test_drawn_receipts_are_found_better_with_more_pages() -> None:
    curve = measure_curve(receipts(16), RECEIPT_LABELS, refit)
    first, last = curve.overall[0].pages, curve.overall[-1].pages
    means = [
        sum(point.f1 for point in of_size) / len(of_size)
        for pages in (first, last)
        if (of_size := [point for point in curve.overall if point.pages == pages])
    ]
    assert last == 12
    assert means[1] > means[0] + 0.1
    assert all(curve.labels[label] for label in RECEIPT_LABELS)

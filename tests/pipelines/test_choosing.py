"""Which pages are used: empty ones up to a cap, and not mostly a model's own predictions."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from backend.document.geometry import Box
from backend.document.page import Page, Word
from backend.document.region import LabelledBox
from backend.pipelines import choosing
from backend.pipelines.annotated import AnnotatedTask
from backend.pipelines.choosing import ENOUGH_TASKS, choose_for_field, choose_to_judge, choose_to_learn

BOXES = (LabelledBox("total", Box(0, 0, 10, 10)),)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def task(number: int, *boxes: tuple[LabelledBox, ...], accepted: bool = False, day: int = 0) -> AnnotatedTask:
    pages = tuple(Page(100 + at, 100, ()) for at in range(len(boxes)))
    return AnnotatedTask(number, pages, boxes, accepted, LONG_AGO + timedelta(days=day))


def ids(tasks: list[AnnotatedTask]) -> list[int]:
    return [one.task_id for one in tasks]


def test_as_many_empty_pages_are_used_as_pages_with_boxes() -> None:
    tasks = [task(number, BOXES if number <= 10 else ()) for number in range(1, 101)]  # nine of ten are empty
    chosen = choose_to_learn(tasks)
    assert ids(chosen.tasks)[:10] == list(range(1, 11))
    assert len(chosen.tasks) == 20
    assert chosen.facts == {
        "pages": 20,
        "empty_pages": 10,
        "empty_left_out": 80,
        "accepted_tasks": 0,
        "accepted_left_out": 0,
    }
    assert len(choose_to_judge(tasks).tasks) == 20


def test_few_empty_pages_are_all_used() -> None:
    tasks = [task(1, BOXES), task(2, ()), task(3, BOXES)]
    assert choose_to_learn(tasks).tasks == tasks


def test_the_same_empty_pages_are_used_in_each_run_and_stay_when_others_come() -> None:
    drawn = [task(number, BOXES) for number in range(1, 9)]
    empty = [task(number, ()) for number in range(100, 200)]
    mixed = [*drawn, *empty]
    random.Random(0).shuffle(mixed)
    before = set(ids(choose_to_judge(drawn + empty).tasks))
    assert set(ids(choose_to_judge(mixed).tasks)) == before
    assert before < set(ids(choose_to_judge([task(9, BOXES), *mixed]).tasks))


def test_the_cap_counts_pages_not_tasks() -> None:
    letter = task(1, BOXES, *[()] * 9)
    chosen = choose_to_judge([letter, task(2, (), ())])
    assert chosen.facts == {"pages": 2, "empty_pages": 1, "empty_left_out": 10}
    pages = {page.width: boxes for one in chosen.tasks for page, boxes in zip(one.pages, one.boxes, strict=True)}
    assert pages[100] == BOXES  # the page with boxes is used, with its own boxes
    assert len(pages) == sum(len(one.pages) for one in chosen.tasks) == 2


def test_without_a_page_with_boxes_nothing_is_used() -> None:
    assert choose_to_learn([task(1, ()), task(2, (), ())]).tasks == []


def test_accepted_predictions_are_at_most_half_and_the_newest() -> None:
    own = [task(number, BOXES) for number in range(1, 41)]
    accepted = [task(number, BOXES, accepted=True, day=number % 60) for number in range(100, 160)]
    chosen = choose_to_learn([*accepted, *own])
    kept = [one for one in chosen.tasks if one.accepted]
    assert len(kept) == len(own) == 40
    assert min(one.annotated_at for one in kept) > LONG_AGO + timedelta(days=19)
    assert (chosen.facts["accepted_tasks"], chosen.facts["accepted_left_out"]) == (40, 20)


def test_while_there_are_few_tasks_accepted_ones_are_not_left_out() -> None:
    tasks = [task(1, BOXES), *[task(number, BOXES, accepted=True) for number in range(2, ENOUGH_TASKS + 1)]]
    assert choose_to_learn(tasks).tasks == tasks
    assert len(choose_to_learn([*tasks, task(99, BOXES, accepted=True)]).tasks) == ENOUGH_TASKS


def test_where_all_were_accepted_all_are_used() -> None:
    tasks = [task(number, BOXES, accepted=True) for number in range(2 * ENOUGH_TASKS)]
    assert choose_to_learn(tasks).tasks == tasks


def test_to_judge_on_accepted_predictions_are_as_good_as_others() -> None:
    tasks = [task(0, BOXES), *[task(number, BOXES, accepted=True) for number in range(1, 2 * ENOUGH_TASKS)]]
    assert choose_to_judge(tasks).tasks == tasks


def learnt(number: int, words: int, label: str = "total", day: int = 0) -> AnnotatedTask:
    page = Page(100, 100, (Word("x", Box(0, 0, 1, 1), 1.0),) * words)
    return AnnotatedTask(
        number, (page,), ((LabelledBox(label, Box(0, 0, 10, 10)),),), annotated_at=LONG_AGO + timedelta(days=day)
    )


def test_the_fast_learner_gets_the_newest_tasks_as_far_as_its_work_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "MOST_WORK", 3 * 20)  # one label: 20 words
    tasks = [learnt(1, 10, day=3), learnt(2, 10, day=1), learnt(3, 10, day=2)]
    assert ids(choose_for_field(tasks)) == [1, 3]
    assert ids(choose_for_field([learnt(1, 99)])) == [1]
    monkeypatch.undo()
    assert choose_for_field(tasks) == tasks


def test_of_too_many_labels_the_fast_learner_gets_those_drawn_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "MOST_LABELS", 1)
    tasks = [learnt(1, 1), learnt(2, 1, "rare"), learnt(3, 1)]
    assert [len(task.boxes[0]) for task in choose_for_field(tasks)] == [1, 0, 1]

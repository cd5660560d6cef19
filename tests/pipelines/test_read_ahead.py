from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from backend.document.page import Page, PageRef
from backend.errors import LabelStudioError, TaskError
from backend.label_studio.config import LabelingConfig
from backend.pipelines.idle import IdleTime
from backend.pipelines.read_ahead import NICENESS, ProjectAhead, ReadAhead
from backend.pipelines.reading import Fetch
from tests.waiting import wait_until

PROJECT = 3


@dataclass
class Scripted:
    """Label Studio and the reader, as far as pages are read ahead; waits in a page while `hold` is not set."""

    tasks: list[int]
    failing: dict[int, Exception] = field(default_factory=dict)
    hold: threading.Event | None = None
    asked: list[tuple[int, int, int]] = field(default_factory=list)
    read_tasks: list[int] = field(default_factory=list)
    nice: int = 0

    def open_tasks(self, project_id: int, first_id: int, most: int) -> list[dict[str, Any]]:
        self.asked.append((project_id, first_id, most))
        ordered = sorted(self.tasks, key=lambda task: (task < first_id, task))
        return [{"id": task, "data": {"image": "/a.png"}} for task in ordered[:most]]

    def read(self, ref: PageRef, fetch: Fetch, *, picture: bool = False) -> Page:
        self.read_tasks.append(ref.task_id)
        self.nice = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        if self.hold is not None:
            self.hold.wait(10)
        if ref.task_id in self.failing:
            raise self.failing[ref.task_id]
        return Page(10, 10, ())


Make = Callable[..., ReadAhead]


@pytest.fixture
def idle() -> IdleTime:
    return IdleTime(0.05)


@pytest.fixture
def make(config: LabelingConfig, idle: IdleTime) -> Iterator[Make]:
    made: list[ReadAhead] = []

    def ahead(script: Scripted | None, most_pages: int = 3) -> ReadAhead:
        def look_up(project_id: int) -> ProjectAhead | None:
            return script and ProjectAhead(script, config, script, lambda ref: b"", pictures=False)

        made.append(ReadAhead(look_up, idle, most_pages=most_pages))
        return made[-1]

    yield ahead
    for one in made:
        wait_until_done(one)


def wait_until_done(ahead: ReadAhead) -> None:
    wait_until(lambda: ahead._thread is None, 10, "nothing is left to read")


def test_the_next_pages_from_the_opened_task_on_are_read_and_no_more(make: Make) -> None:
    script = Scripted([1, 2, 5, 6, 7, 8])
    ahead = make(script)
    ahead.wish(PROJECT, 5)
    wait_until_done(ahead)
    assert script.asked == [(PROJECT, 5, 3)]
    assert script.read_tasks == [5, 6, 7]
    assert script.nice == NICENESS
    assert os.getpriority(os.PRIO_PROCESS, 0) != NICENESS

    ahead.wish(PROJECT, 6)
    wait_until_done(ahead)
    assert script.read_tasks == [5, 6, 7, 8]  # what was read is not read again


def test_who_only_looks_at_a_project_goes_on_where_a_task_was_opened(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Scripted([1, 2, 3, 4, 5])
    ahead = make(script)
    ahead.wish(PROJECT)
    wait_until_done(ahead)
    assert script.asked == [(PROJECT, 1, 3)]
    ahead.wish(PROJECT)  # right after
    wait_until_done(ahead)
    assert len(script.asked) == 1
    ahead.wish(PROJECT, 4)
    wait_until_done(ahead)
    monkeypatch.setattr("backend.pipelines.read_ahead.REST_S", 0.0)
    ahead.wish(PROJECT)
    wait_until_done(ahead)
    assert script.asked[1:] == [(PROJECT, 4, 3), (PROJECT, 4, 3)]


def test_none_are_read_at_zero_or_where_label_studio_cannot_be_asked(make: Make) -> None:
    script = Scripted([1, 2])
    off, unknown = make(script, most_pages=0), make(None)
    off.wish(PROJECT, 1)
    assert off._thread is None
    unknown.wish(PROJECT, 1)
    wait_until_done(unknown)
    assert script.asked == []


def test_no_page_is_begun_while_a_prediction_is_at_work(make: Make, idle: IdleTime) -> None:
    script = Scripted([1, 2, 3], hold=threading.Event())
    assert script.hold is not None
    ahead = make(script)
    ahead.wish(PROJECT, 1)
    wait_until(lambda: script.read_tasks, 10, "the first page is begun")
    with idle.interrupted():
        script.hold.set()  # that page ends
        wait_until(lambda: (PROJECT, 1) in ahead._read, 10, "the first page is read")
        wait_until(lambda: PROJECT in ahead._wished, 10, "the rest is put off")
        assert script.read_tasks == [1]
    wait_until_done(ahead)
    assert script.read_tasks == [1, 2, 3]


def test_the_newest_wish_comes_first_and_the_interrupted_one_is_not_lost(make: Make) -> None:
    script = Scripted([1, 2], hold=threading.Event())
    assert script.hold is not None
    ahead = make(script)
    ahead.wish(PROJECT, 1)
    wait_until(lambda: script.read_tasks, 10, "the first page is begun")
    ahead.wish(4, 1)
    ahead.wish(5, 1)
    script.hold.set()
    wait_until_done(ahead)
    assert [project for project, _, _ in script.asked] == [3, 5, 4, 3]
    assert len(script.read_tasks) == 6


def test_a_page_that_cannot_be_read_costs_the_others_nothing_and_is_tried_once(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    script = Scripted([1, 2, 3], failing={2: TaskError("image_http_404", "the image is gone")})
    ahead = make(script)
    for _ in range(2):
        ahead.wish(PROJECT, 1)
        wait_until_done(ahead)
    assert script.read_tasks == [1, 2, 3]
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]


def test_a_label_studio_that_is_down_ends_it_quietly_until_the_next_task_is_opened(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    script = Scripted([1, 2, 3], failing={1: LabelStudioError("label_studio_unreachable", "down")})
    ahead = make(script)
    ahead.wish(PROJECT, 1)
    wait_until_done(ahead)
    assert script.read_tasks == [1]
    script.failing.clear()
    ahead.wish(PROJECT, 1)
    wait_until_done(ahead)
    assert script.read_tasks == [1, 1, 2, 3]
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]


def test_what_is_remembered_is_bounded(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.pipelines.read_ahead.MOST_REMEMBERED", 4)
    ahead = make(Scripted(list(range(1, 11))), most_pages=10)
    ahead.wish(PROJECT, 1)
    wait_until_done(ahead)
    assert list(ahead._read) == [(PROJECT, task) for task in (7, 8, 9, 10)]

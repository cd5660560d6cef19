from __future__ import annotations

import threading
import time

from backend.document.page import Page, PageRef
from backend.errors import TaskError
from backend.pipelines.reading import READERS
from backend.pipelines.ready import ReadTask, reading
from tests.waiting import wait_until


def refs(*sizes: int) -> dict[int, list[PageRef]]:
    """By index of a task its pages."""
    return {index: [PageRef(index, number, "/a.png") for number in range(size)] for index, size in enumerate(sizes)}


def page_of(ref: PageRef) -> Page:
    return Page(100 + ref.task_id, 100 + ref.index, ())


def in_time() -> float:
    return time.monotonic() + 20


def test_all_that_are_ready_come_together_up_to_a_number_of_pages() -> None:
    read: list[PageRef] = []

    def read_page(ref: PageRef) -> Page:
        read.append(ref)
        return page_of(ref)

    with reading(refs(1, 1, 1, 3, 1), read_page, in_time()) as ready:
        wait_until(lambda: len(read) == 7, 10, "all pages are read")
        groups: list[list[ReadTask]] = []
        while group := ready.group(2):
            groups.append(group)
    assert sorted(task.index for group in groups for task in group) == [0, 1, 2, 3, 4]
    # Only a task of more pages than that goes beyond, by itself.
    assert all(len(group) == 1 or sum(len(task.pages) for task in group) <= 2 for group in groups)
    [long] = [task for group in groups for task in group if task.index == 3]
    assert [page.size for page in long.pages] == [(103, 100), (103, 101), (103, 102)]


def test_the_first_that_is_ready_waits_for_no_other() -> None:
    release = threading.Event()

    def read_page(ref: PageRef) -> Page:
        if ref.task_id == 0:
            release.wait(10)
        return page_of(ref)

    with reading(refs(1, 1), read_page, in_time()) as ready:
        assert [task.index for task in ready.group(8)] == [1]
        release.set()
        assert [task.index for task in ready.group(8)] == [0]
        assert ready.group(8) == []


def test_a_page_that_fails_is_told_once_for_its_task() -> None:
    def read_page(ref: PageRef) -> Page:
        if ref.task_id == 0:
            raise TaskError("image_http_404", "the image is gone")
        return page_of(ref)

    with reading(refs(3, 2), read_page, in_time()) as ready:
        given: list[ReadTask] = []
        while group := ready.group(8):
            given += group
    faults = {task.index: task.fault for task in given}
    assert len(given) == 2
    assert isinstance(faults[0], TaskError)
    assert faults[1] is None


def test_at_the_deadline_no_task_is_given_and_no_page_is_begun() -> None:
    release = threading.Event()
    begun: list[PageRef] = []

    def read_page(ref: PageRef) -> Page:
        begun.append(ref)
        release.wait(10)
        return page_of(ref)

    with reading(refs(*[1] * 50), read_page, time.monotonic() + 0.1) as ready:
        assert ready.group(8) == []
    release.set()
    wait_until(lambda: not any(it.name.startswith("read_") for it in threading.enumerate()), 10, "the readers end")
    assert len(begun) <= READERS + 1


def test_what_was_read_in_time_but_not_taken_in_time_is_given_no_more() -> None:
    with reading(refs(1, 1), page_of, time.monotonic() + 0.5) as ready:
        given = len(ready.group(1))
        wait_until(lambda: time.monotonic() > ready._deadline, 10, "the deadline is over")
        assert ready.group(8) == []
    assert given <= 1

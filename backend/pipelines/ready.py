"""The tasks of one request while their pages are read: each is given as soon as all of its pages are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue

from backend.document.page import Page, PageRef
from backend.errors import ClientGone
from backend.logs import with_log_fields
from backend.pipelines.reading import READERS

LOOK_S = 1.0
"""How often it is looked whether somebody still waits, while no page is ready."""


@dataclass(frozen=True, slots=True)
class ReadTask:
    """A task whose pages can wait no more.

    Attributes:
        index: place of the task in its request.
        pages: in their order; as far as they were read where one of them failed.
        fault: why a page could not be read.
    """

    index: int
    pages: tuple[Page, ...]
    fault: BaseException | None = None


@contextmanager
def reading(
    refs: Mapping[int, Sequence[PageRef]],
    read: Callable[[PageRef], Page],
    deadline: float,
    is_awaited: Callable[[], bool] = lambda: True,
) -> Iterator[ReadyTasks]:
    """Read the pages of tasks in the background as long as the context lasts.

    Args:
        refs: for each index of a task its pages, one or more.
        deadline: on the monotonic clock.
        is_awaited: whether somebody still waits for the tasks.
    """
    # One thread more than pages are read at a time: it fetches the next page meanwhile.
    pool = ThreadPoolExecutor(READERS + 1, thread_name_prefix="read")
    try:
        yield ReadyTasks(refs, lambda ref: pool.submit(with_log_fields(read), ref), deadline, is_awaited)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class ReadyTasks:
    """Gives the tasks as they become ready, which may be in another order than that of the request."""

    def __init__(
        self,
        refs: Mapping[int, Sequence[PageRef]],
        submit: Callable[[PageRef], Future[Page]],
        deadline: float,
        is_awaited: Callable[[], bool] = lambda: True,
    ) -> None:
        self._deadline = deadline
        self._is_awaited = is_awaited
        self._read: SimpleQueue[tuple[int, int, Future[Page]]] = SimpleQueue()
        self._pages: dict[int, dict[int, Page]] = {index: {} for index in refs}  # of tasks that were not given yet
        self._sizes = {index: len(of_task) for index, of_task in refs.items()}
        self._kept_back: ReadTask | None = None
        for index, of_task in refs.items():
            for number, ref in enumerate(of_task):
                submit(ref).add_done_callback(partial(self._tell, index, number))

    def group(self, most_pages: int) -> list[ReadTask]:
        """The next task that is ready, with those that are ready beside it, up to a number of pages in all.

        Waits for the first and for no other. Empty when all were given, or at the deadline.

        Raises:
            ClientGone: nobody waits for tasks that are left.
        """
        group: list[ReadTask] = []
        pages = 0
        while (task := self._next(wait=not group)) is not None:
            if group and pages + len(task.pages) > most_pages:
                self._kept_back = task
                break
            group.append(task)
            pages += len(task.pages)
        return group

    def _next(self, *, wait: bool) -> ReadTask | None:
        while (left_s := self._deadline - time.monotonic()) > 0 and (self._pages or self._kept_back):
            if wait and not self._is_awaited():
                raise ClientGone
            if self._kept_back is not None:
                task, self._kept_back = self._kept_back, None
                return task
            try:
                index, number, page = self._read.get(block=wait, timeout=min(left_s, LOOK_S))
            except Empty:
                if wait:
                    continue
                return None
            if index in self._pages and (ready := self._with_page(index, number, page)):
                return ready
        return None

    def _with_page(self, index: int, number: int, read: Future[Page]) -> ReadTask | None:
        """The task of this page, if it is ready now."""
        pages = self._pages[index]
        fault = read.exception()
        if fault is None:
            pages[number] = read.result()
            if len(pages) < self._sizes[index]:
                return None
        del self._pages[index]
        return ReadTask(index, tuple(pages[at] for at in sorted(pages)), fault)

    def _tell(self, index: int, number: int, read: Future[Page]) -> None:
        if not read.cancelled():
            self._read.put((index, number, read))

"""Pages that will be opened next, fetched and read by OCR into the cache while the process has nothing else to do."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from backend.errors import TaskError
from backend.label_studio.config import LabelingConfig
from backend.label_studio.tasks import task_pages
from backend.pipelines.idle import IdleTime
from backend.pipelines.reading import Fetch, ReadsPages

LOG = logging.getLogger(__name__)

REST_S = 30.0
"""How long a project is left alone after it was looked through, unless a task of it is opened: `/setup` comes often."""
MOST_REMEMBERED = 10_000
"""Tasks known to have been read, of all projects together; about a megabyte."""
NICENESS = 10
"""Priority of the thread and of the programs that it starts: a tenth of the share of whoever has work to do. With less
it could be kept from the processor for long while it holds Python's lock, and the routes with it."""


class ListsTasks(Protocol):
    """The part of Label Studio that is asked here."""

    def open_tasks(self, project_id: int, first_id: int, most: int) -> list[dict[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class ProjectAhead:
    """What is needed to read pages of one project.

    Attributes:
        pictures: also keep the pictures that visual models take.
    """

    studio: ListsTasks
    config: LabelingConfig
    reader: ReadsPages
    fetch: Fetch
    pictures: bool


class ReadAhead:
    """Reads page by page in a thread of low priority, which lives as long as there is something to do.

    Args:
        look_up: what a project needs; None where Label Studio cannot be asked.
        idle: pages are begun in this time only.
        most_pages: read from the task that was opened last; 0: none ever.
    """

    def __init__(self, look_up: Callable[[int], ProjectAhead | None], idle: IdleTime, *, most_pages: int) -> None:
        self._look_up = look_up
        self._idle = idle
        self._most_pages = most_pages
        self._wished: OrderedDict[int, int] = OrderedDict()  # by project the task to read from, newest wish last
        self._wished_since = False  # whether somebody wished anything since a wish was taken up
        self._looked_through: dict[int, tuple[int, float]] = {}  # by project that task, and when its end was reached
        self._read: OrderedDict[tuple[int, int], None] = OrderedDict()  # project and task, longest ago first
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def wish(self, project_id: int, opened_task: int | None = None) -> None:
        """Tell that somebody looks at a project; at once.

        Args:
            opened_task: a task that was opened: it and those behind it are read. None: those that were wished last.
        """
        if not self._most_pages:
            return
        with self._lock:
            first_task, looked = self._looked_through.get(project_id, (1, -REST_S))
            if opened_task is None and time.monotonic() < looked + REST_S:
                return
            first_task = self._wished.get(project_id, first_task)
            self._wished[project_id] = first_task if opened_task is None else opened_task
            self._wished.move_to_end(project_id)
            self._wished_since = True
            if self._thread is None:
                # No daemon: the interpreter waits for the page that is being read, and `_next_wish` gives no other.
                self._thread = threading.Thread(target=self._run, name="read-ahead")
                self._thread.start()

    def _run(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        while (wish := self._next_wish()) is not None:
            project_id, first_task = wish
            try:
                finished = self._read_project(project_id, first_task)
            except Exception as error:  # nobody waits for these pages; who opens one of them is told what is wrong
                LOG.debug("not read ahead", extra={"project": project_id, "cause": type(error).__name__})
                finished = True
            with self._lock:
                if finished:
                    self._looked_through[project_id] = (first_task, time.monotonic())
                elif project_id not in self._wished:
                    self._wished[project_id] = first_task
                    self._wished.move_to_end(project_id, last=False)

    def _next_wish(self) -> tuple[int, int] | None:
        """The newest wish, once there is time for it; None where there is none, and the thread ends."""
        while True:
            with self._lock:
                if not self._wished or not threading.main_thread().is_alive():
                    self._thread = None
                    return None
                pause_s = self._idle.begins_in_s()
                if not pause_s:
                    self._wished_since = False
                    return self._wished.popitem()
            time.sleep(pause_s)

    def _read_project(self, project_id: int, first_task: int) -> bool:
        """Read the next pages of a project; False where something else came between."""
        ahead = self._look_up(project_id)
        if ahead is None:
            return True
        pages = 0
        for task in ahead.studio.open_tasks(project_id, first_task, self._most_pages):
            known = (project_id, task["id"])
            try:
                for ref in task_pages(task, ahead.config):
                    if pages == self._most_pages:
                        return True
                    pages += 1
                    if known in self._read:
                        continue
                    if self._idle.begins_in_s() or self._wished_since or not threading.main_thread().is_alive():
                        return False
                    ahead.reader.read(ref, ahead.fetch, picture=ahead.pictures)
            except TaskError as error:
                LOG.debug("not read ahead", extra={"project": project_id, "task": task["id"], "code": error.code})
            self._remember(known)
        return True

    def _remember(self, task: tuple[int, int]) -> None:
        self._read[task] = None
        self._read.move_to_end(task)
        if len(self._read) > MOST_REMEMBERED:
            self._read.popitem(last=False)

"""Who reads a page when: as many pages at a time as there are cores, and the requests that wait for one in turn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

Place = Callable[[], AbstractContextManager[None]]
"""Makes a context in which one page may be read."""


class RequestOver(Exception):
    """The request that this page was to be read for has been answered."""


@dataclass(eq=False, slots=True)
class _Request:
    """One request that reads pages.

    Attributes:
        last_place: number of the place it was given last; 0 before the first.
        over: whether it was answered, so that it wants no more places.
    """

    last_place: int = 0
    over: bool = False


class ReadingPlaces:
    """The places of a process at which pages are read, shared by its requests.

    A free place goes to the request that was given one longest ago, a new request first: one of a single page waits
    for a page that is being read to end and for no other, however many pages the others have left.

    Args:
        count: how many pages are read at a time.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._given = 0
        self._waiting: list[_Request] = []  # one entry for each page that could be read now
        self._changed = threading.Condition()

    @contextmanager
    def request(self) -> Iterator[Place]:
        """The places of one request; those of its pages that still wait at the end are given up."""
        request = _Request()
        try:
            yield partial(self._place, request)
        finally:
            with self._changed:
                request.over = True
                self._changed.notify_all()

    @contextmanager
    def _place(self, request: _Request) -> Iterator[None]:
        """Waits for a place and keeps it.

        Raises:
            RequestOver: the request ended before its turn.
        """
        with self._changed:
            self._waiting.append(request)
            self._changed.wait_for(lambda: request.over or (self._free > 0 and self._next() is request))
            self._waiting.remove(request)
            self._changed.notify_all()
            if request.over:
                raise RequestOver
            self._free -= 1
            self._given += 1
            request.last_place = self._given
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _next(self) -> _Request:
        return min(self._waiting, key=lambda request: request.last_place)


class OneAtATime:
    """Lets one thread at a time work on a thing, so that the next one finds what the first has made of it."""

    def __init__(self) -> None:
        self._in_work: set[Hashable] = set()
        self._changed = threading.Condition()

    @contextmanager
    def alone(self, thing: Hashable) -> Iterator[None]:
        """Waits until nobody else works on a thing."""
        with self._changed:
            self._changed.wait_for(lambda: thing not in self._in_work)
            self._in_work.add(thing)
        try:
            yield
        finally:
            with self._changed:
                self._in_work.remove(thing)
                self._changed.notify_all()

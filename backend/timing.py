"""How long the steps of a prediction take and how often the OCR cache helps, told to whoever listens in this process.

The steps are deep in rooms that know nothing of a web server; the web server tells people about them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Listener(Protocol):
    """Called in the threads that do the work, at the same time by several."""

    def step_took(self, step: str, seconds: float) -> None: ...

    def cache_asked(self, found: bool) -> None: ...


_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Tell this one from now on, in place of the one before it: a process has one."""
    _listeners[:] = [listener]


@contextmanager
def step(name: str) -> Iterator[None]:
    """Time what happens inside, also where it fails."""
    started = time.perf_counter()
    try:
        yield
    finally:
        for listener in _listeners:
            listener.step_took(name, time.perf_counter() - started)


def cache_asked(*, found: bool) -> None:
    """Tell that the OCR cache was asked for a page."""
    for listener in _listeners:
        listener.cache_asked(found)

"""The line in which predictions wait for their turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from backend.errors import RequestError


class PredictionLine:
    """Lets a few predictions run, a few more wait, and turns the rest away.

    Every prediction, waiting or running, holds one thread of the web server; the places are fewer than the threads, so
    that `/health`, `/setup` and `/webhook` always find a free one.
    """

    def __init__(self, *, running: int, places: int) -> None:
        self._running = threading.Semaphore(running)
        self._places = threading.Semaphore(places)

    @contextmanager
    def turn(self, deadline: float) -> Iterator[None]:
        """Waits for a turn, and keeps it.

        Args:
            deadline: time of `time.monotonic` at which waiting makes no sense any more.

        Raises:
            RequestError: 429 `busy`, at once where all places are taken, or at the deadline.
        """
        if not self._places.acquire(blocking=False):
            raise _busy()
        try:
            if not self._running.acquire(timeout=max(0.0, deadline - time.monotonic())):
                raise _busy()
            try:
                yield
            finally:
                self._running.release()
        finally:
            self._places.release()


def _busy() -> RequestError:
    return RequestError("busy", "too many predictions are waiting; ask again in a few seconds", status=429)

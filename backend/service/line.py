"""The places that predictions take in the web server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from backend.errors import RequestError


class PredictionLine:
    """Lets so many predictions in and turns the rest away.

    Every prediction holds one thread of the web server; the places are fewer than the threads, so that `/health`,
    `/setup` and `/webhook` always find a free one. Those inside are all at work and share the machine page by page.
    """

    def __init__(self, *, places: int) -> None:
        self._places = threading.Semaphore(places)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Takes a place and keeps it.

        Raises:
            RequestError: 429 `busy`, at once where all places are taken.
        """
        if not self._places.acquire(blocking=False):
            raise RequestError("busy", "too many predictions are at work; ask again in a few seconds", status=429)
        try:
            yield
        finally:
            self._places.release()

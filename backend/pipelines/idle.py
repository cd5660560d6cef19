"""Whether a process has anything better to do than what it does in advance."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class IdleTime:
    """Knows when a prediction was last at work.

    Args:
        quiet_s: how long none must have been for the process to count as idle.
    """

    def __init__(self, quiet_s: float) -> None:
        self._quiet_s = quiet_s
        self._predicting = 0
        self._quiet_since = -quiet_s
        self._lock = threading.Lock()

    @contextmanager
    def interrupted(self) -> Iterator[None]:
        """While a prediction is at work."""
        with self._lock:
            self._predicting += 1
        try:
            yield
        finally:
            with self._lock:
                self._predicting -= 1
                self._quiet_since = time.monotonic()

    def begins_in_s(self) -> float:
        """Seconds until the process is idle, if nothing comes; 0 where it is."""
        with self._lock:
            if self._predicting:
                return self._quiet_s
            return max(0.0, self._quiet_since + self._quiet_s - time.monotonic())

"""What happened during the soak, counted; and the moments at which the web server may be silent."""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

WRONG, PARTIAL, LOST, ORPHAN, REPAIR = (
    "wrong answers",
    "partial versions",
    "lost annotations",
    "orphan processes",
    "manual repairs",
)
"""Kinds of faults; none may be met."""


class Ledger:
    """Counts, times and faults; safe to use from several threads.

    Attributes:
        counts: by name.
        seconds: by name how long things took, in the order in which they ended.
        faults: by kind what was found, one sentence each.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.faults: dict[str, list[str]] = defaultdict(list)
        self._began = time.monotonic()
        self._lock = Lock()

    def count(self, what: str, number: int = 1) -> None:
        with self._lock:
            self.counts[what] += number

    def took(self, what: str, seconds: float) -> None:
        with self._lock:
            self.seconds[what].append(seconds)

    def fault(self, kind: str, what: str) -> None:
        """Note a fault, and tell it at once."""
        with self._lock:
            self.faults[kind].append(f"{self.at():.1f} s: {what}")
        self.say(f"FAULT, {kind}: {what}")

    def say(self, text: str) -> None:
        """Tell what happens."""
        print(f"{self.at():7.1f} s  {text}", file=sys.stderr, flush=True)

    def at(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began


class Silence:
    """When the web server was down because the soak had killed it."""

    def __init__(self) -> None:
        self._times: list[list[float]] = []
        self._lock = Lock()

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Requests that touch this block need no answer."""
        period = [time.monotonic(), float("inf")]
        with self._lock:
            self._times.append(period)
        try:
            yield
        finally:
            period[1] = time.monotonic()

    def covers(self, began: float, ended: float) -> bool:
        """Whether a request from one moment to another, of the monotonic clock, needs no answer."""
        with self._lock:
            return any(began <= until and since <= ended for since, until in self._times)

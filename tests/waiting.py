"""Waiting for what other threads and processes do."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(holds: Callable[[], object], within_s: float, what: str) -> None:
    """Return when something holds; fail the test when it does not in time."""
    last_look = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < last_look, f"not within {within_s} s: {what}"
        time.sleep(0.05)

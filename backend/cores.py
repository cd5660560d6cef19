"""The processor cores of this process: how many there are, and how many OCR leaves to the model."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Of this control group: microseconds of processor time, or `max`, and the period in which they may be used."""

_taken = 0
_lock = threading.Lock()


def cores() -> int:
    """Cores that this process may use: those it is bound to, or fewer where a container's share of time is less."""
    bound_to = len(os.sched_getaffinity(0))
    try:
        quota, period = CPU_QUOTA.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return bound_to  # no control group of our own
    if quota == "max":
        return bound_to
    return max(1, min(bound_to, int(quota) // int(period)))


@contextmanager
def core_taken() -> Iterator[None]:
    """One core less for the others while something of one thread, such as OCR of a page, runs beside them."""
    global _taken
    with _lock:
        _taken += 1
    try:
        yield
    finally:
        with _lock:
            _taken -= 1


def cores_left() -> int:
    """Cores that nothing told by `core_taken` is using, at least 1."""
    return max(1, cores() - _taken)


def cores_for_one() -> int:
    """Cores for something that took one with `core_taken`: all where it is alone, one where it is beside others."""
    return cores() if _taken <= 1 else 1

"""Locks that the kernel releases when their holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RETRY_S = 0.05


class Busy(Exception):
    """Somebody else holds the lock."""


@contextmanager
def locked(path: Path, *, patience_s: float | None = None) -> Iterator[None]:
    """Hold the exclusive lock of a path, a folder or a file that is made if need be.

    Args:
        patience_s: longest wait in seconds; None waits for ever.

    Raises:
        Busy: the lock was held by somebody else all the time.
    """
    descriptor = _open(path)
    try:
        if patience_s is None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        else:
            _lock_within(descriptor, patience_s, path)
        yield
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock of a path at this moment."""
    if not path.exists():
        return False
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _open(path: Path) -> int:
    if path.is_dir():
        return os.open(path, os.O_RDONLY)
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)


def _lock_within(descriptor: int, patience_s: float, path: Path) -> None:
    last_try = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= last_try:
                raise Busy(path.name) from None
            time.sleep(RETRY_S)
        else:
            return

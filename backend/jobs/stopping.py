"""SIGTERM for the process of a run: it ends at once, but for work that can keep what it has."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stop_put_off() -> Iterator[Callable[[], bool]]:
    """Inside the block SIGTERM is only noted; the function that is given tells of it. Behind the block it takes effect.

    Python hears signals in its main thread only; in others this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True

    before = signal.signal(signal.SIGTERM, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGTERM, before)
    if asked:
        os.kill(os.getpid(), signal.SIGTERM)

"""Processes of their own for what is measured, so that neither way has the other's settings.

A function of a module is run in them: `process.submit(function, ...).result()`; what it loads stays for the next call.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

THREAD_SETTINGS = ("OMP_", "MKL_", "OPENBLAS_", "KMP_", "GOMP_", "TORCH_")
"""Beginnings of the names of variables that say how many threads a library may have, or how they wait."""


@contextmanager
def fresh_process(*, plain: bool = False, on_one_core: bool = False) -> Iterator[ProcessPoolExecutor]:
    """A process whose threads are set by the backend and nothing else, until the block ends.

    Args:
        plain: not by the backend either.
        on_one_core: bind it and all that it starts to one core.
    """
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=_begin, initargs=(plain, on_one_core)) as process:
        yield process


def _begin(plain: bool, on_one_core: bool) -> None:
    """Before torch is imported, which looks at these things once."""
    for name in [name for name in os.environ if name.startswith(THREAD_SETTINGS)]:
        del os.environ[name]
    if not plain:
        importlib.reload(importlib.import_module("backend"))  # sets its own
    if on_one_core:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

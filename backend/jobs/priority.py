"""Training steps back where a page is waited for."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

NICENESS = 10
"""About a tenth of the processor where others want all of it, all of it where nobody does."""

_AUTOGROUP = Path("/proc/self/autogroup")


def step_back() -> None:
    """Let everything else on this machine come first; for the child of a worker that does a run.

    Where Linux groups processes by session it compares niceness within a session only, and sessions by one of their own
    (sched(7), autogroup). The worker's session steps back too if it is the worker's alone, as the supervisor starts it.
    """
    os.nice(NICENESS)
    if os.getsid(0) == os.getppid():
        with suppress(OSError):  # no such grouping here
            _AUTOGROUP.write_text(str(NICENESS), encoding="ascii")

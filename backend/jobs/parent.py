"""A child process that does not outlive its parent, and whether a process lives."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>

# Loaded here, not after a fork: a child of a process with threads may not take the loader's lock.
_PRCTL = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)


def end_with_parent(parent: int, sig: signal.Signals = signal.SIGKILL) -> None:
    """Let the kernel send a signal to this process when its parent dies; to be called right after the fork.

    Args:
        parent: process id of the parent, taken before the fork: it may be dead by now.
    """
    if _PRCTL is not None:  # elsewhere than on Linux children are ended by their parent only
        _PRCTL(_PR_SET_PDEATHSIG, int(sig), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def is_running(pid: int) -> bool:
    """Whether a process of this machine runs; one that ended and was not waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True  # no Linux: what the signal said
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")

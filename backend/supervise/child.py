"""One child of the supervisor: started, watched, started again, ended."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from backend.jobs.parent import end_with_parent

LOG = logging.getLogger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 8.0
"""With the time of a start, whatever was killed and however often is back within 30 seconds."""

STEADY_S = 60.0
"""A child that ran this long is started again after the first pause when it ends."""


def start_process(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    output: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """A process that ends with this one, in a group of its own, so that ctrl-C reaches it only through this one.

    Args:
        output: where its two outputs go; None for this process's own.
    """
    parent = os.getpid()
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=lambda: end_with_parent(parent),  # this process has no threads
    )


def stop_process(process: subprocess.Popen[bytes], patience_s: float) -> None:
    """End a process: asked first, after `patience_s` seconds killed with its group."""
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        LOG.warning("did not end in time, killed", extra={"pid": process.pid})
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Child:
    """A process that is to run as long as the supervisor does.

    Attributes:
        ends: how often it ended by itself.
    """

    def __init__(self, name: str, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self.ends = 0
        self._command = command
        self._cwd = cwd
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0  # monotonic, like `_pause_until`
        self._pause_until = 0.0
        self._pause_s = FIRST_PAUSE_S

    @property
    def pid(self) -> int | None:
        """Process id; None while it does not run."""
        return self._process.pid if self._process else None

    def look_after(self) -> None:
        """Start it if it does not run, a little later each time it ends soon after its start."""
        now = time.monotonic()
        if self._process is not None:
            status = self._process.poll()
            if status is None:
                return
            self._process = None
            self.ends += 1
            if now - self._started_at >= STEADY_S:
                self._pause_s = FIRST_PAUSE_S
            self._pause_until = now + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            LOG.error("%s ended, is started again", self.name, extra={"status": status})
        if now >= self._pause_until:
            self._process = start_process(self._command, cwd=self._cwd, env=self._env)
            self._started_at = now

    def ask_to_stop(self) -> None:
        """Tell it to end; returns at once."""
        if self._process is not None:
            self._process.terminate()

    def stop(self, patience_s: float) -> None:
        """End it within `patience_s` seconds."""
        if self._process is not None:
            stop_process(self._process, patience_s)
            self._process = None

"""One run of an outside program: bounded in time, and with nothing of it left behind."""

from __future__ import annotations

import contextlib
import math
import os
import resource
import signal
import subprocess
from collections.abc import Mapping, Sequence


class ProgramMissing(Exception):
    """There is no program of this name."""


class ProgramFailed(Exception):
    """A program ended as it should not; the message is the last line that it wrote of it."""


def run_program(command: Sequence[str], *, timeout_s: float, environ: Mapping[str, str]) -> None:
    """Run a program to its end.

    It leads a process group of its own, which is killed as a whole when the time is up: what the program has started
    ends with it.

    Raises:
        ProgramMissing: there is none of this name.
        ProgramFailed: it ended with another status than 0.
        subprocess.TimeoutExpired: the time was up.
        OSError: it could not be started.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environ,
            process_group=0,  # no session: Linux shares the processor among sessions, past the starter's niceness
        )
    except FileNotFoundError as error:
        raise ProgramMissing from error
    with process:
        _limit_cpu_time(process.pid, timeout_s)
        try:
            _, complaint = process.communicate(timeout=timeout_s)
        except BaseException:  # an interrupt too must leave nothing behind
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        raise ProgramFailed(_last_line(complaint) or _ending(process.returncode))


def _limit_cpu_time(pid: int, timeout_s: float) -> None:
    """Let the kernel end a program that is still at work after the time that all cores together may take.

    Only a program whose starter was killed meets this limit.
    """
    seconds = math.ceil(timeout_s) * (os.cpu_count() or 1)
    with contextlib.suppress(ProcessLookupError, AttributeError):  # ended already; not Linux
        resource.prlimit(pid, resource.RLIMIT_CPU, (seconds, seconds))


def _last_line(complaint: bytes) -> str:
    lines = complaint.decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _ending(returncode: int) -> str:
    return f"ended by signal {-returncode}" if returncode < 0 else f"ended with status {returncode}"

"""What a running web server takes: memory, open files, threads and children."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Taken:
    """What a process has.

    Attributes:
        rss_mb: memory it holds, in MB.
        pss_mb: the same with what it shares with others counted in parts.
    """

    rss_mb: float
    pss_mb: float
    files: int
    threads: int
    children: int


def look(process: psutil.Process) -> Taken:
    """What a process has now."""
    memory = process.memory_full_info()
    return Taken(memory.rss / MB, memory.pss / MB, process.num_fds(), process.num_threads(), len(process.children()))


def web_process(supervisor: int) -> psutil.Process:
    """The process that answers requests: the one that gunicorn's own process, a child of the supervisor, started.

    Raises:
        psutil.NoSuchProcess: there is none.
    """
    for child in psutil.Process(supervisor).children():
        if child.status() != psutil.STATUS_ZOMBIE and any("gunicorn" in word for word in child.cmdline()):
            for worker in child.children():
                return worker
    raise psutil.NoSuchProcess(supervisor, msg="no web process below the supervisor")

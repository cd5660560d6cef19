"""The product as an operator has it: started with one command, started again when that ends, its processes by role."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from scripts.soak.ledger import REPAIR, Ledger
from tests.running import Backend, free_port, start

RESTART_S = 1.0
"""Pause before the command is started again, as systemd does with `Restart=always` and `RestartSec=1`."""
STOP_S = 40.0
START_S = 60.0
GONE_S = 40.0
"""What a killed process had started is gone after so long: a web server without its master answers what it was asked
before, for 30 s at most."""

SUPERVISOR, WEB, MASTER, WORKER, CHILD, REDIS = "supervisor", "web", "web master", "worker", "run", "redis"
LASTING = (WEB, MASTER, WORKER, REDIS)
"""What the supervisor keeps at work."""


class Product:
    """One data folder and one port; the command is started again whenever it ends unasked.

    Attributes:
        url: to be asked.
        environ: settings; changed ones count from the next start on.
        starts: how often the command was started.
    """

    def __init__(self, data_dir: Path, environ: Mapping[str, str], ledger: Ledger) -> None:
        self.data_dir = data_dir
        self.environ = dict(environ)
        self.starts = 0
        self._port = free_port()
        self._ledger = ledger
        self._running: Backend | None = None
        self._down_since: float | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start the command; returns at once."""
        self._running = start(self.data_dir, self._port, **self.environ)
        self._down_since = None
        self.starts += 1

    def look_after(self) -> None:
        """Start the command again, a moment after it ended."""
        if self._running is None or self._running.process.poll() is None:
            return
        if self._down_since is None:
            self._down_since = time.monotonic()
        elif time.monotonic() - self._down_since >= RESTART_S:
            self._ledger.say(f"the command is started again; it ended with {self._running.process.returncode}")
            self.start()

    def stop(self) -> None:
        """End the command as an operator does; one that does not end well is a fault."""
        running, self._running = self._running, None
        if running is None or running.process.poll() is not None:
            return
        began = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        try:
            status = running.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._ledger.fault(REPAIR, f"did not end within {STOP_S:.0f} s of SIGTERM, killed by hand")
            running.process.kill()
            status = running.process.wait()
        self._ledger.took("stop", time.monotonic() - began)
        if status != 0:
            self._ledger.fault(REPAIR, f"ended with {status} after SIGTERM")

    def pids(self, role: str) -> set[int]:
        """The processes that have a role now; a run's process only while there is one."""
        return {pid for pid, found in self.roles().items() if found == role}

    def roles(self) -> dict[int, str]:
        """The role of each process that has one."""
        found: dict[int, str] = {}
        if self._running is None or self._running.process.poll() is not None:
            return found
        supervisor = self._running.process.pid
        found[supervisor] = SUPERVISOR
        for child in _children(supervisor):
            command = _command(child)
            if "gunicorn" in command:
                found[child.pid] = MASTER
                found |= {one.pid: WEB for one in _children(child.pid) if "gunicorn" in _command(one)}
            elif "backend worker" in command:
                found[child.pid] = WORKER
                # RQ's scheduler is a child of the worker too, and stays in its group.
                found |= {one.pid: CHILD for one in _children(child.pid) if _leads_group(one.pid)}
            elif "redis-server" in command or "valkey-server" in command:
                found[child.pid] = REDIS
        return found

    def orphans(self) -> list[str]:
        """Processes over this data folder that the running command did not start, with their command lines."""
        mine = set()
        if self._running is not None and self._running.process.poll() is None:
            with suppress(psutil.NoSuchProcess):
                supervisor = psutil.Process(self._running.process.pid)
                mine = {supervisor.pid, *(child.pid for child in supervisor.children(recursive=True))}
        return [f"{pid} {command}" for pid, command in _over(self.data_dir) if pid not in mine]

    def lasting_orphans(self) -> list[str]:
        """Orphans that do not end soon by themselves."""
        last_look = time.monotonic() + GONE_S
        while (found := self.orphans()) and time.monotonic() < last_look:
            time.sleep(0.2)
        return found

    def answers(self) -> bool:
        """Whether `/health` is answered well."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=1)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def log(self) -> str:
        """Everything its processes wrote."""
        return (self.data_dir / "backend.log").read_text(errors="replace")


def _children(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children())
    except psutil.NoSuchProcess:
        return []


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _leads_group(pid: int) -> bool:
    try:
        return os.getpgid(pid) == pid
    except ProcessLookupError:
        return False


def _over(data_dir: Path) -> Iterator[tuple[int, str]]:
    """Every living process that was started with this data folder in its environment."""
    for process in psutil.process_iter():
        try:
            if process.environ().get("DATA_DIR") == str(data_dir) and process.status() != psutil.STATUS_ZOMBIE:
                yield process.pid, " ".join(process.cmdline())
        except psutil.Error:
            continue

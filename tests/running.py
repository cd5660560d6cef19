"""The product as its user runs it: `python -m backend run`, with a data folder and a port of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from backend.settings import SETTINGS
from backend.versions.store import UNTRAINED

ROOT = Path(__file__).resolve().parents[1]
START_S = 60.0


@dataclass
class Backend:
    """A running backend.

    Attributes:
        url: to be connected in Label Studio.
        log: everything its processes wrote.
    """

    url: str
    data_dir: Path
    process: subprocess.Popen[bytes]
    log: Path

    def health(self) -> dict[str, Any]:
        answer: dict[str, Any] = requests.get(f"{self.url}/health", timeout=5).json()
        return answer

    def project(self, number: int) -> dict[str, Any]:
        """What `/health` says of a project, empty before the project is known."""
        facts: dict[str, Any] = self.health().get("projects", {}).get(str(number), {})
        return facts

    def wait_for_version(self, project: int, *, after: str = "", within_s: float = 600, idle: bool = True) -> str:
        """The live version of a project once there is one other than `after`; with `idle`, once no run is left too."""
        last_try = time.monotonic() + within_s
        while time.monotonic() < last_try:
            facts = self.project(project)
            version = facts.get("version", UNTRAINED)
            busy = facts.get("training") or facts.get("pending")
            if version not in (UNTRAINED, after) and not (idle and busy):
                return str(version)
            time.sleep(0.5)
        raise AssertionError(f"no new version within {within_s} s: {self.project(project)}\n{self.tail()}")

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    def children(self, word: str) -> list[int]:
        """Process ids of its descendants whose command line holds a word."""
        table = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
        rows = [line.split(None, 2) for line in table.splitlines()[1:]]
        family = {self.process.pid}
        for _ in rows:
            family |= {int(pid) for pid, parent, *_ in rows if int(parent) in family}
        return [int(row[0]) for row in rows if int(row[0]) in family and word in row[-1]]


@contextmanager
def backend(data_dir: Path, **environ: str) -> Iterator[Backend]:
    """The product, running; keywords are settings. Ends with SIGTERM at the end of the block."""
    started = start(data_dir, free_port(), **environ)
    try:
        _wait_until_up(started)
        yield started
    finally:
        started.process.send_signal(signal.SIGTERM)
        try:
            started.process.wait(45)
        except subprocess.TimeoutExpired:
            started.process.kill()
            started.process.wait()


def start(data_dir: Path, port: int, **environ: str) -> Backend:
    """The product, started a moment ago; keywords are settings, no others reach it."""
    env = without_settings(os.environ)
    env |= {"DATA_DIR": str(data_dir), "PORT": str(port), "HOST": "127.0.0.1", **environ}
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / "backend.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend", "run"], cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT
        )
    return Backend(f"http://127.0.0.1:{port}", data_dir, process, log)


def without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without any setting of the product."""
    own = {name for setting in SETTINGS for name in (setting.name, *setting.aliases)}
    return {name: value for name, value in environ.items() if name not in own}


def _wait_until_up(started: Backend) -> None:
    last_try = time.monotonic() + START_S
    while time.monotonic() < last_try and started.process.poll() is None:
        try:
            if started.health()["status"] == "UP":
                return
        except (requests.RequestException, ValueError):
            pass
        time.sleep(0.1)
    raise AssertionError(f"the backend did not start:\n{started.tail()}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""The web server as it is started, alone: gunicorn with the real application."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.settings import SETTINGS

REPOSITORY = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "_wsgi:app"]
STARTS_WITHIN_S = 40.0


@dataclass(frozen=True)
class Server:
    """A running web server.

    Attributes:
        log: what it writes to standard error.
        first_health_s: from the start of the process to the first answer of `/health`.
    """

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    first_health_s: float

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, str, Any, float]:
        """Status, reason phrase, JSON and seconds of one request on a connection of its own."""
        started = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json"} if content else {})
        answer = connection.getresponse()
        read = json.loads(answer.read())
        connection.close()
        return answer.status, answer.reason, read, time.perf_counter() - started

    def health(self) -> dict[str, Any]:
        facts: dict[str, Any] = self.ask("GET", "/health")[2]
        return facts


def environment_of(**variables: str) -> dict[str, str]:
    """This process's environment with these settings and no others."""
    ours = {name for setting in SETTINGS for name in (setting.name, *setting.aliases)}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return {**kept, "REDIS_URL": "redis://127.0.0.1:1/0", "BASE_MODEL": "starter", **variables}


@contextmanager
def web_server(data_dir: Path, log: Path, **variables: str) -> Iterator[Server]:
    """A server that answers, until the end of the block; keywords are its environment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = environment_of(HOST="127.0.0.1", PORT=str(port), DATA_DIR=str(data_dir), **variables)
    started = time.perf_counter()
    with (
        log.open("ab") as output,
        subprocess.Popen(COMMAND, cwd=REPOSITORY, env=environment, stderr=output) as process,
    ):
        try:
            yield Server(process, port, log, _first_answer(process, port) - started)
        finally:
            process.kill()


def _first_answer(process: subprocess.Popen[bytes], port: int) -> float:
    """The moment of the first answer, well or not."""
    last = time.perf_counter() + STARTS_WITHIN_S
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", "/health")
            connection.getresponse()
        except OSError:
            assert process.poll() is None, "the web server has ended"
            if time.perf_counter() > last:
                raise
            time.sleep(0.02)
        else:
            return time.perf_counter()

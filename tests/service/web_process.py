"""The web process as gunicorn runs it, with its log, without Redis and workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from backend.settings import SETTINGS
from tests.running import free_port
from tests.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "_wsgi:app"]
START_S = 60.0


@dataclass(frozen=True)
class WebProcess:
    """A running web server.

    Attributes:
        master: gunicorn's master process, whose one child answers.
        log_file: everything both wrote.
    """

    port: int
    data_dir: Path
    master: psutil.Process
    log_file: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def worker(self) -> psutil.Process:
        """The process that answers."""
        return next(child for child in self.master.children() if "gunicorn" in " ".join(child.cmdline()))

    def predict(self, tasks: list[Any], label_config: str, project: object = 3, **facts: Any) -> requests.Response:
        body = {"project": project, "tasks": tasks, "label_config": label_config, **facts}
        return requests.post(f"{self.url}/predict", json=body, timeout=100)

    def log(self, **fields: object) -> list[dict[str, Any]]:
        """The lines of the log that have these fields."""
        text = self.log_file.read_text(encoding="utf-8", errors="replace")
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        return [line for line in lines if fields.items() <= line.items()]

    def is_ready(self) -> bool:
        """Whether it answers, with the prediction side loaded."""
        try:
            return bool(requests.get(f"{self.url}/health", timeout=2).json()["model"]["state"] == "ready")
        except (requests.RequestException, ValueError):
            return False


@contextmanager
def web_process(data_dir: Path, **environ: str) -> Iterator[WebProcess]:
    """A web server until the end of the block, its prediction side loaded; keywords are settings."""
    own = {name for setting in SETTINGS for name in (setting.name, *setting.aliases)}
    port = free_port()
    env = {name: value for name, value in os.environ.items() if name not in own}
    env |= {"DATA_DIR": str(data_dir), "HOST": "127.0.0.1", "PORT": str(port), "BASE_MODEL": "none"}
    env |= {"REDIS_URL": "redis://127.0.0.1:1/0", "OCR_ENGINE": "tesseract", **environ}
    data_dir.mkdir(parents=True, exist_ok=True)
    log_file = data_dir.parent / f"web-{port}.log"
    with log_file.open("wb") as output:
        started = subprocess.Popen(COMMAND, cwd=REPOSITORY, env=env, stdout=output, stderr=output)
    running = WebProcess(port, data_dir, psutil.Process(started.pid), log_file)
    try:
        last_look = time.monotonic() + START_S
        while not running.is_ready():
            assert started.poll() is None, log_file.read_text()[-2000:]
            assert time.monotonic() < last_look, log_file.read_text()[-2000:]
            time.sleep(0.1)
        yield running
    finally:
        started.terminate()
        try:
            started.wait(40)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def settled_memory(process: psutil.Process) -> int:
    """Bytes that a process has in memory, once that changes no more."""
    seen = [0, process.memory_info().rss]

    def settled() -> bool:
        seen.append(process.memory_info().rss)
        return abs(seen[-1] - seen[-2]) < 100_000

    wait_until(settled, 20, "the memory settles")
    return seen[-1]

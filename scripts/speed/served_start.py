"""How soon a web server that was just started answers."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from pathlib import Path

from backend.settings import SETTINGS
from scripts.speed.figures import Figure, measured
from scripts.speed.served_load import ask
from tests.flows.conftest import label_config
from tests.running import ROOT, free_port

COMMAND = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "_wsgi:app"]
NO_REDIS = "redis://127.0.0.1:1/0"
HEALTH_S, SETUP_S = 2.0, 1.0
LONGEST_S = 60.0


def measure_start(part: str, size: str, data_dir: Path) -> list[Figure]:
    """From the start of the process to the first `/health`, and the `/setup` right after it, while torch is loaded."""
    own = {name for setting in SETTINGS for name in (setting.name, *setting.aliases)}
    kept = {name: value for name, value in os.environ.items() if name not in own}
    port = free_port()
    settings = {"HOST": "127.0.0.1", "PORT": str(port), "DATA_DIR": str(data_dir), "REDIS_URL": NO_REDIS}
    url = f"http://127.0.0.1:{port}"
    began = time.monotonic()
    with subprocess.Popen(COMMAND, cwd=ROOT, env=kept | settings, stderr=subprocess.DEVNULL) as process:
        try:
            health_s = _first_health(url) - began
            asked_at = time.monotonic()
            ask(url, "/setup", {"project": "1.1", "schema": label_config("forms"), "hostname": "", "access_token": ""})
            setup_s = time.monotonic() - asked_at
        finally:
            process.terminate()
    return [
        measured(part, f"start to the first /health, {size}", [health_s], "s", at_most=HEALTH_S),
        measured(part, f"/setup right after the start, {size}", [setup_s], "s", at_most=SETUP_S),
    ]


def _first_health(url: str) -> float:
    """The moment of the first answer.

    Raises:
        TimeoutError: there is none for a minute.
    """
    last_try = time.monotonic() + LONGEST_S
    while time.monotonic() < last_try:
        try:
            ask(url, "/health", patience_s=1)
        except (OSError, http.client.HTTPException):
            time.sleep(0.02)
        else:
            return time.monotonic()
    raise TimeoutError("the web server does not answer")

"""A real, throw-away Label Studio and a small client for it.

`LABEL_STUDIO_BIN` names its program, in a virtual environment of its own; `make test` sets it. SQLite, a fresh data
folder, loopback unless told otherwise. Blocking of local addresses is off, because the backend under test is local.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.running import free_port

TOKEN = "0123456789abcdef0123456789abcdef01234567"
START_S = 180.0

Json = Any


@dataclass
class Studio:
    """A running Label Studio.

    Attributes:
        url: where it listens.
    """

    url: str
    session: requests.Session = field(default_factory=requests.Session)

    def api(self, method: str, path: str, payload: Json = None, **options: Any) -> Json:
        """JSON in, JSON out; raises for every status of 400 or more."""
        headers = {"Authorization": f"Token {TOKEN}"}
        answer = self.session.request(
            method, self.url + path, json=payload, headers=headers, timeout=options.pop("timeout", 150), **options
        )
        if answer.status_code >= 400:
            raise AssertionError(f"{method} {path} -> {answer.status_code}: {answer.text[:500]}")
        return answer.json() if answer.content else None

    def create_project(self, title: str, label_config: str) -> int:
        number: int = self.api("POST", "/api/projects/", {"title": title, "label_config": label_config})["id"]
        return number

    def upload(self, project: int, pages: Sequence[tuple[str, bytes]]) -> list[int]:
        """Upload (name, image bytes) as the user interface does; the new tasks in the order of the pages."""
        for name, data in pages:
            files = {name: (name, data)}
            self.api("POST", f"/api/projects/{project}/import", files=files)
        return sorted(task["id"] for task in self.tasks(project))[-len(pages) :]

    def tasks(self, project: int) -> list[Json]:
        """All tasks with their annotations and predictions."""
        query = f"project={project}&page=1&page_size=500&fields=all"
        found: list[Json] = self.api("GET", f"/api/tasks/?{query}")["tasks"]
        return found

    def connect(self, project: int, url: str, **fields: Any) -> int:
        """Connect a backend, as the Model page does; its number."""
        payload = {"project": project, "url": url, "title": "boxes", **fields}
        number: int = self.api("POST", "/api/ml/", payload)["id"]
        return number

    def open_task(self, task: int) -> Json:
        """What the editor asks for when a task is opened."""
        return self.api("GET", f"/api/tasks/{task}/")

    def annotate(self, task: int, result: Sequence[Json], **fields: Any) -> Json:
        return self.api("POST", f"/api/tasks/{task}/annotations/", {"result": list(result), **fields})

    def retrieve_predictions(self, project: int, tasks: Sequence[int] | None = None) -> None:
        """Data Manager > Retrieve Predictions."""
        items: Json = {"all": True, "excluded": []} if tasks is None else {"all": False, "included": list(tasks)}
        self.api(
            "POST",
            f"/api/dm/actions?id=retrieve_tasks_predictions&project={project}",
            {"selectedItems": items, "project": str(project)},
        )

    def predictions(self, task: int) -> list[Json]:
        """What is stored for a task, oldest first; the backend is not asked."""
        found: list[Json] = self.api("GET", f"/api/predictions/?task={task}")
        return sorted(found, key=lambda prediction: prediction["id"])

    def webhooks(self, project: int) -> list[Json]:
        found: list[Json] = self.api("GET", f"/api/webhooks/?project={project}")
        return found


@contextmanager
def label_studio(program: str, *, host: str = "127.0.0.1", env: dict[str, str] | None = None) -> Iterator[Studio]:
    """A fresh Label Studio that ends with the block.

    Args:
        host: address of this machine that it listens on; its passwords are known, so never one others can reach.
    """
    with tempfile.TemporaryDirectory(prefix="label-studio-", ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "server.log"
        port = str(free_port())
        command = [program, "start", "--no-browser", "--internal-host", host, "--port", port]
        command += ["--username", "admin@example.com", "--password", "correct-horse-1"]
        command += ["--user-token", TOKEN, "--enable-legacy-api-token"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(folder, host, port) | (env or {}),
                cwd=folder,
            )
        try:
            yield Studio(_address(process, host, log))
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def environment(folder: str, host: str, port: str) -> dict[str, str]:
    """Of a Label Studio with its data in this folder: this process's, without what would change its behaviour."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LABEL_STUDIO_", "PYTHON")) and not name.upper().endswith("_PROXY")
    }
    return kept | {
        "LABEL_STUDIO_BASE_DATA_DIR": folder,
        "LABEL_STUDIO_DJANGO_DB": "sqlite",
        "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
        "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
        "LABEL_STUDIO_SENTRY_DSN": "",
        "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
        "LABEL_STUDIO_HOST": f"http://{host}:{port}",
        "LABEL_STUDIO_ML_BLOCK_LOCAL_IP": "false",
        "LABEL_STUDIO_SSRF_PROTECTION_ENABLED": "false",
        "PYTHONUNBUFFERED": "1",
    }


def _address(process: subprocess.Popen[bytes], host: str, log: Path) -> str:
    """Where it listens, once it answers; it takes the next port by itself when the wanted one is taken."""
    last_try = time.monotonic() + START_S
    while time.monotonic() < last_try and process.poll() is None:
        served = re.findall(rf"server at http://{re.escape(host)}:(\d+)/", log.read_text(errors="replace"))
        if served:
            url = f"http://{host}:{served[-1]}"
            try:
                if requests.get(f"{url}/health", timeout=5).ok:
                    return url
            except requests.RequestException:
                pass
        time.sleep(0.25)
    raise AssertionError(f"Label Studio did not start:\n{log.read_text(errors='replace')[-3000:]}")

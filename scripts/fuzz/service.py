"""The service to be fuzzed: the web server as it is deployed, a small trained project, a Label Studio stand-in."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import requests

from backend.label_studio.config import parse_labeling_config
from backend.model.tagger import PageTagger, save_tagger
from backend.settings import SETTINGS
from backend.training.fit_crf import fit_crf
from backend.versions.files import write_json
from backend.versions.project import ProjectFolder
from backend.versions.reports import PICTURES, REPORT_FILE, staged_report
from backend.versions.store import VersionStore, version_name
from scripts.fuzz.samples import CONFIG, ROOT, SECRET, TRAINED, small_page, uploads
from scripts.speed.models import drawn_examples
from scripts.speed.served_studio import stand_in_studio
from tests.running import free_port

START_S = 120.0
END_S = 40.0
USER = "fuzz"
DEFECTS = ("Traceback", "unforeseen failure", '"code": "internal"', "WORKER TIMEOUT", "was sent SIG")
"""What stands in the log after a defect or a crash."""


@dataclass(slots=True)
class Service:
    """A running web server.

    Attributes:
        private: texts that no answer and no log line may hold.
        left: processes that were there after its end.
    """

    port: int
    data_dir: Path
    process: subprocess.Popen[bytes]
    private: Sequence[str]
    status: int | None = None
    left: list[str] = field(default_factory=list)

    @property
    def credentials(self) -> str:
        return "Basic " + base64.b64encode(f"{USER}:{SECRET}".encode()).decode()

    @property
    def log(self) -> str:
        return (self.data_dir / "web.log").read_text(encoding="utf-8", errors="replace")

    def family(self) -> list[psutil.Process]:
        """The server and everything it started."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def log_faults(self) -> list[str]:
        """Lines of the log that tell of a defect, a crash or a secret."""
        lines = self.log.splitlines()
        return [line[:500] for line in lines if any(sign in line for sign in (*DEFECTS, SECRET))]


def publish_version(data_dir: Path) -> None:
    """A live version with the fast learner alone, fitted to drawn forms, and a report on it."""
    project = ProjectFolder(data_dir, TRAINED)
    store = VersionStore(project)
    labels = parse_labeling_config(CONFIG).label_set
    with store.stage() as staged:
        save_tagger(PageTagger(fast=fit_crf(drawn_examples(6), labels), deep=None), staged)
        number = store.publish(staged, {})
    store.promote(number, "to be fuzzed")
    with staged_report(project, number) as folder:
        write_json(folder / REPORT_FILE, {"version": version_name(number)})
        (folder / PICTURES[0]).write_bytes(small_page())


@contextmanager
def service(data_dir: Path) -> Iterator[Service]:
    """The web server, ready to predict. At the end of the block it is told to end, and how it did is noted."""
    publish_version(data_dir)
    with stand_in_studio(CONFIG) as studio:
        studio.images |= dict.fromkeys(uploads(), small_page())
        started = _start(data_dir, studio.url)
        try:
            _wait_until_ready(started)
            yield started
        finally:
            _end(started)


def _start(data_dir: Path, studio_url: str) -> Service:
    ours = {name for setting in SETTINGS for name in (setting.name, *setting.aliases)}
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if name not in ours} | {
        "DATA_DIR": str(data_dir),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "BASE_MODEL": "none",
        "REDIS_URL": "redis://127.0.0.1:1/0",  # nothing is trained: webhooks are noted and no more
        "LABEL_STUDIO_URL": studio_url,
        "LABEL_STUDIO_API_KEY": SECRET,
        "BASIC_AUTH_USER": USER,
        "BASIC_AUTH_PASS": SECRET,
        "MAX_BODY_MB": "1",
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "_wsgi:app"]
    with (data_dir / "web.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log, start_new_session=True)
    return Service(port, data_dir, process, (str(data_dir), studio_url))


def _wait_until_ready(started: Service) -> None:
    last_try = time.monotonic() + START_S
    while time.monotonic() < last_try and started.process.poll() is None:
        try:
            answer = requests.get(f"http://127.0.0.1:{started.port}/health", auth=(USER, SECRET), timeout=5)
            if answer.json()["model"]["state"] == "ready":
                return
        except requests.RequestException:
            pass
        time.sleep(0.2)
    raise SystemExit(f"the service did not start:\n{started.log[-3000:]}")


def _end(started: Service) -> None:
    """Tell the server to end, and note its status and what it left behind."""
    family = started.family() if started.process.poll() is None else []
    started.process.send_signal(signal.SIGTERM)
    try:
        started.status = started.process.wait(END_S)
    except subprocess.TimeoutExpired:
        started.process.kill()
        started.process.wait()
    _, alive = psutil.wait_procs(family, timeout=5)
    # One that was started between the look at the family and the end has the session still.
    strays = [process for process in psutil.process_iter() if _session(process.pid) == started.process.pid]
    started.left = [f"{process.pid} {process.name()}" for process in {*alive, *strays} if process.is_running()]


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return -1

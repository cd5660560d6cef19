"""What `/health` tells: a picture of the process, taken anew each second by a thread of its own.

The request itself touches neither disk nor Redis nor model, so that it is answered in any state.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend.errors import ServiceError
from backend.jobs.queue import QueueStatus, TrainingQueue, WorkerState
from backend.ocr.installed import TESSERACT_ENGINES
from backend.service.loading import PredictorLoader
from backend.service.projects import Projects
from backend.settings import Settings

log = logging.getLogger(__name__)

REFRESH_S = 1.0
FIRST_LOOK_S = 1.0
"""How long a start waits for the first picture. Mostly it is there at once; a Redis or a disk may hang."""
LEAST_FREE_BYTES = 200_000_000
MODEL_CLASS = "LayoutLMv3Backend"
EMBEDDED = "embedded"
"""The queue is up, and in our own Redis."""


class HealthBoard:
    """Keeps the latest picture.

    Args:
        queue: asked in the background only; may take a while.
    """

    def __init__(self, settings: Settings, loader: PredictorLoader, projects: Projects, queue: TrainingQueue) -> None:
        self._settings = settings
        self._loader = loader
        self._projects = projects
        self._queue = queue
        self._seen: dict[str, Any] = {
            **{"queue": QueueStatus.DOWN, "worker": WorkerState.DOWN},
            **{"ocr": "ok", "storage": "ok", "projects": {}},
        }
        self._queued: list[str] = []
        self._last_fault = ""
        self._last_obstacle = ""
        self._refreshing = threading.Lock()
        self._looked = threading.Event()
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="health", daemon=True).start()
        self._looked.wait(FIRST_LOOK_S)

    def stop(self) -> None:
        self._stopped.set()

    def picture(self) -> tuple[dict[str, Any], ServiceError | None]:
        """The latest picture, and why nothing can be predicted at all, if that is so."""
        seen, failure = self._seen, self._loader.failure
        obstacle = _obstacle(seen, failure)
        facts = {
            "status": "UP" if obstacle is None else "DOWN",
            "model_class": MODEL_CLASS,
            "model": {"state": self._loader.state, "reason": failure.message if failure else None},
            "base_model": {"name": self._settings.base_model},
            "device": self._settings.device,
            **seen,
        }
        if obstacle is not None:
            facts["error"] = {"code": obstacle.code, "message": obstacle.message, "hint": obstacle.hint}
        return facts, obstacle

    def queued(self) -> list[str]:
        """The entries of the training queue when it was last looked at, the next one first."""
        return self._queued

    def refresh(self) -> None:
        """Take a new picture now. What fails at the projects' files leaves them as they were seen last."""
        with self._refreshing:
            self._refresh()

    def _refresh(self) -> None:
        self._seen = {
            **self._seen,
            **self._loader.facts(),
            **self._queue_facts(),
            "ocr": ocr_state(self._settings.ocr_engine),
            "storage": storage_state(self._settings.data_dir),
        }
        self._looked.set()
        self._tell_obstacle()
        self._seen = {**self._seen, "projects": self._projects.facts()}

    def _queue_facts(self) -> dict[str, str]:
        status = self._queue.status()
        self._queued = [] if status is QueueStatus.DOWN else self._queue.waiting()
        embedded = status is QueueStatus.OK and not self._settings.redis_url
        return {
            "queue": EMBEDDED if embedded else status,
            "worker": WorkerState.DOWN if status is QueueStatus.DOWN else self._queue.worker_state(),
        }

    def _tell_obstacle(self) -> None:
        """One line when it becomes known that nothing can be predicted, and one when that is over."""
        obstacle = _obstacle(self._seen, self._loader.failure)
        message = obstacle.message if obstacle else ""
        if obstacle is not None and message != self._last_obstacle:
            facts = {"code": obstacle.code, "cause": message, "hint": obstacle.hint}
            log.error("nothing can be predicted: %s", message, extra=facts)
        elif obstacle is None and self._last_obstacle:
            log.info("predictions work again")
        self._last_obstacle = message

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.refresh()
            except Exception as error:  # whatever it is, the next picture is tried
                if repr(error) != self._last_fault:  # and told once, not every second
                    log.exception("health could not be refreshed")
                self._last_fault = repr(error)
            else:
                self._last_fault = ""
            self._stopped.wait(REFRESH_S)


def _obstacle(seen: Mapping[str, Any], failure: ServiceError | None) -> ServiceError | None:
    if seen["storage"] == "read-only":
        return ServiceError("storage", "the data folder is missing or cannot be written", "see DATA_DIR")
    if seen["ocr"] == "missing":
        return ServiceError("ocr_missing", "the program tesseract is not installed", "apt-get install tesseract-ocr")
    return failure


def ocr_state(engine: str) -> str:
    """`ok` or `missing`; an engine of one's own is part of the prediction side, whose failure is told as such."""
    return "missing" if engine in TESSERACT_ENGINES and not shutil.which("tesseract") else "ok"


def storage_state(folder: Path) -> str:
    """`ok`, `full` or `read-only` (which a missing folder is too)."""
    try:
        facts = os.statvfs(folder)
    except OSError:
        return "read-only"
    if facts.f_flag & os.ST_RDONLY or not os.access(folder, os.W_OK):
        return "read-only"
    return "full" if facts.f_bavail * facts.f_frsize < LEAST_FREE_BYTES else "ok"

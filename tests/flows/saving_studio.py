"""A stand-in for Label Studio in which pages are saved one after the other, each with the webhook that follows."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from scripts.speed.served_studio import SAVED_AT, StandInStudio, serve
from tests.drawn import draw_receipt
from tests.flows.conftest import drawn_results, label_config, png

PROJECT = 3
PAGE = draw_receipt(1)
IMAGE = "/data/upload/1/page.png"
TOKEN = "0" * 40


@dataclass(slots=True)
class SavingStudio(StandInStudio):
    """All its tasks show the same page, so that a thousand of them are read quickly.

    Attributes:
        most_tasks: from so many on what is saved replaces what was saved before.
        saved_at: when something was saved last, and when the annotations were listed last; monotonic.
    """

    most_tasks: int = 1000
    saved: int = 0
    saved_at: float = 0.0
    listed_at: float = 0.0
    lock: Any = field(default_factory=threading.Lock)

    def save(self) -> dict[str, Any]:
        """Save an annotation; the webhook that tells of it."""
        with self.lock:
            number = self.saved % self.most_tasks + 1
            action = "ANNOTATION_CREATED" if number > len(self.annotated) else "ANNOTATION_UPDATED"
            annotation = {"id": number, "result": drawn_results(PAGE), "was_cancelled": False, "updated_at": SAVED_AT}
            task = {"id": number, "data": {"image": IMAGE}, "updated_at": SAVED_AT, "predictions": []}
            self.annotated[number - 1 : number] = [{**task, "annotations": [annotation]}]
            self.saved += 1
            self.saved_at = time.monotonic()
        return {"action": action, "project": {"id": PROJECT}, "task": task, "annotation": annotation}

    def listed(self, project: int, query: dict[str, Any], page_size: int) -> dict[str, Any]:
        self.listed_at = time.monotonic()
        # Not `super()`: it does not work in a data class with slots.
        return StandInStudio.listed(self, project, query, page_size)

    @property
    def settings(self) -> dict[str, str]:
        """Those by which a backend reaches it."""
        return {"LABEL_STUDIO_URL": self.url, "LABEL_STUDIO_API_KEY": TOKEN}

    def setup_body(self, project: int = PROJECT) -> dict[str, Any]:
        return {"project": f"{project}.1", "schema": self.label_config, "hostname": self.url, "access_token": ""}


@contextmanager
def saving_studio(most_tasks: int = 1000) -> Iterator[SavingStudio]:
    """One that answers until the end of the block."""
    with serve(lambda url: SavingStudio(url, label_config("receipts"), most_tasks=most_tasks)) as studio:
        studio.images[IMAGE] = png(PAGE.image)
        yield studio

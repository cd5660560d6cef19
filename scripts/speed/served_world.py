"""The whole product at work: web server, worker and Redis as `make run` starts them, beside a Label Studio stand-in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.speed.figures import Options
from scripts.speed.models import STARTER, base_folder
from scripts.speed.served_load import ask
from scripts.speed.served_pages import forms, never_seen
from scripts.speed.served_studio import Json, StandInStudio, stand_in_studio
from tests.running import Backend, backend

BUSY, OTHER, TRAINED = 1, 2, 3
"""Projects: of the large requests, of single pages, and the one that is trained."""
ANNOTATED = 8
ENDLESS = "1000000"
"""Optimizer steps: a run is at work for as long as is measured."""
NEVER_S = "1000000"
STARTS_WITHIN_S = 300.0
PATIENCE_S = 600.0

DRAWN: Json = {
    "id": "drawn",
    "type": "rectanglelabels",
    "from_name": "label",
    "to_name": "image",
    "original_width": 1000,
    "original_height": 1000,
    "value": {"x": 10, "y": 10, "width": 80, "height": 30, "rotation": 0, "rectanglelabels": []},
}


class ServedFault(Exception):
    """The backend did not do what is to be measured."""


@dataclass(frozen=True, slots=True)
class World:
    """A running backend and what it talks to.

    Attributes:
        size: of its models.
        images: that tasks are made of, in turn, a new file for each.
    """

    size: str
    running: Backend
    studio: StandInStudio
    images: Sequence[bytes]

    def cold(self, number: int) -> list[Json]:
        """Tasks of pages that were never read."""
        return self.studio.upload(never_seen(self.images, number))

    def predict(self, project: int, tasks: Sequence[Json], drawn: Json | None = None) -> tuple[Json, float]:
        """The answer, and its seconds.

        Args:
            drawn: what somebody draws on the page at this moment.

        Raises:
            ServedFault: it is no answer with predictions.
        """
        began = time.monotonic()
        body: Json = {"project": str(project), "tasks": tasks, "label_config": self.studio.label_config}
        if drawn is not None:
            body["params"] = {"context": {"result": [drawn]}}
        status, answer = ask(self.running.url, "/predict", body, patience_s=PATIENCE_S)
        if status != 200:
            raise ServedFault(f"/predict answers {status}: {answer}\n{self.running.tail()}")
        return answer, time.monotonic() - began

    def predict_one(self, project: int, task: Json) -> tuple[Json, float]:
        """The prediction of one page, and the seconds of the request.

        Raises:
            ServedFault: there is none.
        """
        answer, seconds = self.predict(project, [task])
        if answer["errors"]:
            raise ServedFault(str(answer["errors"]))
        return answer["results"][0], seconds

    def draw(self, project: int, task: Json) -> float:
        """Seconds until the box is answered that somebody draws on a page, without a label, over a part of its words.

        Raises:
            ServedFault: it is not given a label.
        """
        answer, seconds = self.predict(project, [task], DRAWN)
        labels = answer["results"][0]["result"][0]["value"]["rectanglelabels"]
        if not labels:
            raise ServedFault(f"the smart box has no label: {answer}")
        return seconds

    def wait_until_loaded(self) -> None:
        """Wait for the prediction side of the web server.

        Raises:
            ServedFault: it does not get ready.
        """
        self._wait(lambda: self.running.health()["model"]["state"] == "ready")

    def start_training(self) -> None:
        """Start a run that does not end, and wait until it learns.

        Raises:
            ServedFault: it does not.
        """
        ask(self.running.url, "/webhook", {"action": "START_TRAINING", "project": {"id": TRAINED}})
        self._wait(lambda: bool(self.training().get("step")))

    def training(self) -> Json:
        """The run that is at work; empty without one."""
        found: Json = self.running.project(TRAINED).get("training") or {}
        return found

    def _wait(self, until: Callable[[], bool]) -> None:
        last_try = time.monotonic() + STARTS_WITHIN_S
        while not until():
            if time.monotonic() > last_try:
                raise ServedFault(f"not in time: {self.running.health()}\n{self.running.tail()}")
            time.sleep(0.2)


@contextmanager
def world(size: str, data_dir: Path, options: Options, **settings: str) -> Iterator[World]:
    """A backend over a folder with versions; keywords are settings. It ends with the block.

    Args:
        size: of its models and of the one that a run fits.
    """
    data = forms(options)
    settings = {
        "BASE_MODEL": "starter" if size == STARTER else str(base_folder(data_dir, size, options.seed)),
        "TRAIN_MAX_STEPS": ENDLESS,
        "TRAIN_MIN_ANNOTATIONS": str(ANNOTATED),
        **{"TRAIN_QUIET_S": NEVER_S, "TRAIN_LONGEST_DELAY_S": NEVER_S},  # nothing is trained unasked
        "READ_AHEAD_PAGES": "0",  # cold pages must stay cold
        **settings,
    }
    with stand_in_studio(data.label_config) as studio:
        studio.annotate(data.learn[:ANNOTATED])
        at_studio = {"LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_API_KEY": "0" * 40}
        with backend(data_dir, **at_studio, **settings) as running:
            for project in (BUSY, OTHER, TRAINED):
                ask(running.url, "/setup", setup_body(project, studio))
            found = World(size, running, studio, [page.image for page in data.judge])
            found.wait_until_loaded()
            yield found


def setup_body(project: int, studio: StandInStudio) -> Json:
    """What Label Studio sends before it asks for anything."""
    return {"project": f"{project}.1", "schema": studio.label_config, "hostname": studio.url, "access_token": ""}

"""What takes part in a soak: the product, the stand-in for Label Studio, and the notes on what happens."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.label_studio.config import LabelingConfig, parse_labeling_config
from backend.versions.project import ProjectFolder
from scripts.bench.pages import BenchPage
from scripts.soak.answers import Asked, Reply, error_faults, read_predictions
from scripts.soak.ledger import WRONG, Ledger, Silence
from scripts.soak.pages import pages
from scripts.soak.product import Product
from scripts.soak.studio import Json, SoakStudio
from scripts.soak.versions import VersionWatch
from scripts.speed.served_load import exchange
from tests.flows.conftest import label_config

PREDICT_S, SETUP_S, SHORT_S, EVENT_S = 100.0, 3.0, 3.0, 1.0
"""How long Label Studio waits for `/predict`, `/setup`, for `/health` with its repetitions, and for an event."""
KNOWN_PAGES = 12
"""Pages of a project that predictions are asked for."""


@dataclass(slots=True)
class SoakProject:
    """A project with its pages.

    Attributes:
        more: pages without end, to be annotated.
        known: pages that predictions are asked for, each of a size of its own.
        tasks: the tasks of these pages.
    """

    number: int
    config: LabelingConfig
    more: Iterator[BenchPage]
    known: Sequence[BenchPage] = ()
    tasks: Sequence[Json] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that a soak works with."""

    product: Product
    studio: SoakStudio
    ledger: Ledger
    versions: VersionWatch
    projects: Sequence[SoakProject]
    silence: Silence = field(default_factory=Silence)

    def folder(self, project: int) -> ProjectFolder:
        return ProjectFolder(self.product.data_dir, project)

    def ask(self, path: str, body: Json | None = None, *, patience_s: float) -> Reply | None:
        """The answer to a request; None, and noted, where there is none."""
        reply = send(self.product.url, path, body, patience_s=patience_s)
        if reply.status:
            return reply
        if self.silence.covers(reply.began, reply.ended):
            self.ledger.count("requests without an answer while the web server was down")
        else:
            self.ledger.fault(WRONG, f"{path}: no answer after {reply.seconds:.1f} s: {reply.fault}")
        return None

    def predict(self, project: SoakProject, tasks: Sequence[Json], sizes: Sequence[tuple[int, int]]) -> bool:
        """Ask for predictions and look at the answer; whether there are any."""
        asked = Asked(tasks, sizes, project.config, trained=self.versions.is_trained(project.number))
        body = {
            "project": f"{project.number}.1",
            "tasks": tasks,
            "label_config": self.studio.label_config(project.number),
        }
        self.ledger.count("prediction requests")
        reply = self.ask("/predict", body, patience_s=PREDICT_S)
        if reply is None:
            return False
        if reply.status != 200:
            self.ledger.count(f"prediction requests answered {reply.status}")
            self._note(f"/predict {reply.status}", error_faults(reply))
            return False
        read = read_predictions(reply.body, asked)
        self._note(f"/predict for project {project.number}", read.faults)
        for code in read.codes:
            self.ledger.count(f"pages without a prediction: {code}")
        if read.version is not None:
            self.versions.served(project.number, read.version)
        if not read.faults:
            self.ledger.count("right prediction answers")
            self.ledger.count("pages predicted", len(tasks) - len(read.codes))
        self.ledger.took("/predict", reply.seconds)
        return len(read.codes) < len(tasks)

    def _note(self, what: str, faults: Sequence[str]) -> None:
        for fault in faults:
            self.ledger.fault(WRONG, f"{what}: {fault}")


def send(url: str, path: str, body: Json | None, *, patience_s: float) -> Reply:
    """What comes of one request."""
    began = time.monotonic()
    try:
        status, headers, content = exchange(url, path, body, patience_s)
    except (OSError, http.client.HTTPException) as fault:
        return Reply(began, time.monotonic(), fault=repr(fault))
    return Reply(began, time.monotonic(), status, headers, _json(content))


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def make_project(number: int, kind: str, studio: SoakStudio, seed: int) -> SoakProject:
    """A project of the stand-in with pages of a kind."""
    text = label_config(kind)
    studio.add_project(number, text)
    more = pages(kind, seed)
    known = [next(more) for _ in range(KNOWN_PAGES)]
    tasks = [studio.upload(number, page.image) for page in known]
    return SoakProject(number, parse_labeling_config(text), more, known, tasks)

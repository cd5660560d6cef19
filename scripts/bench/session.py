"""An annotator at work: a project in a real Label Studio, connected to the real backend, everything over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from backend.document.region import Region
from backend.label_studio.config import LabelingConfig, parse_labeling_config
from backend.training.split import is_held_out
from backend.versions.project import ProjectFolder
from backend.versions.store import UNTRAINED, VersionStore
from scripts.bench.pages import BenchPage, DataSet, Json
from tests.running import Backend, backend
from tests.studio import Studio

POLL_S = 0.25
IDLE_S = 4.0
"""Without a run for this long, nothing comes after any more: longer than the picture of `/health` is old."""
FAILED_S = 30.0
"""Pages that are left without a run for so long after one that failed are tried again much later or never."""
RETRIEVED_AT_ONCE = 5
"""Pages asked for in one request: also pages that nobody has read yet are ready within its time limit."""
TRIES = 3


class BenchFault(Exception):
    """The backend or Label Studio did not do what can be measured."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of saved annotations, in seconds from the moment the last one was saved.

    Attributes:
        version: live at the end; `untrained` where there is none.
        first_s: until the first live version that knows the page saved last; None where none was promoted.
        last_s: until the last change of the live version; None where there was none.
        run: what `/health` tells of the last run.
    """

    version: str
    first_s: float | None
    last_s: float | None
    run: Json


@dataclass(frozen=True, slots=True)
class Session:
    """One project, its tasks in the order of the pages."""

    studio: Studio
    running: Backend
    project: int
    config: LabelingConfig
    tasks: dict[str, int]

    def open(self, page: BenchPage) -> list[Region] | None:
        """What a task shows when it is opened for the first time; None while there is no version to propose anything.

        Raises:
            BenchFault: there is a version and the task has no prediction.
        """
        if self.live() == UNTRAINED:
            return None
        for _ in range(TRIES):
            predictions = self.studio.open_task(self.tasks[page.name])["predictions"]
            if predictions:
                return page.proposed(predictions[-1], self.config)
        raise BenchFault(f"no prediction for {page.name}: {self.running.tail()}")

    def save(self, page: BenchPage) -> float:
        """Submit the true annotation; the monotonic time at which it is saved."""
        self.studio.annotate(self.tasks[page.name], page.results)
        return time.monotonic()

    def change(self, page: BenchPage, results: Sequence[Json]) -> float:
        """Save another annotation in place of the one of a page; the monotonic time at which it is saved."""
        (known,) = self.studio.open_task(self.tasks[page.name])["annotations"]
        self.studio.api("PATCH", f"/api/annotations/{known['id']}/", {"result": list(results)})
        return time.monotonic()

    def learn(self, pages: Sequence[BenchPage]) -> Settled:
        """Save the true annotations one right after the other, and wait for what comes of it."""
        before = self.live()
        saved = [self.save(page) for page in pages]
        return self.settle(pages[-1], before, saved[-1])

    def is_held_out(self, page: BenchPage) -> bool:
        """Whether a page is kept for judging in a project that has enough of them."""
        return is_held_out(self.project, self.tasks[page.name])

    def predict(self, pages: Sequence[BenchPage]) -> list[list[Region]]:
        """What the live version proposes for each page.

        Raises:
            BenchFault: a page has no prediction of the live version.
        """
        version = self.live()
        numbers = [self.tasks[page.name] for page in pages]
        for first in range(0, len(numbers), RETRIEVED_AT_ONCE):
            self.studio.retrieve_predictions(self.project, numbers[first : first + RETRIEVED_AT_ONCE])
        return [page.proposed(self._prediction(page, version), self.config) for page in pages]

    def _prediction(self, page: BenchPage, version: str) -> Json:
        task = self.tasks[page.name]
        for _ in range(TRIES):
            stored: list[Json] = self.studio.predictions(task)
            if stored and stored[-1]["model_version"] == version:
                return stored[-1]
            self.studio.retrieve_predictions(self.project, [task])
        raise BenchFault(f"{page.name} has no prediction of {version}: {self.running.tail()}")

    def live(self) -> str:
        return str(self.running.project(self.project).get("version", UNTRAINED))

    def newest(self) -> str:
        """The version made last, live or refused."""
        answer = requests.get(f"{self.running.url}/versions", params={"project": self.project}, timeout=5)
        return str(answer.json()["versions"][0])

    def knows(self, version: str, page: BenchPage) -> bool:
        """Whether a version learnt from a page, or was judged on it."""
        store = VersionStore(ProjectFolder(self.running.data_dir, self.project))
        manifest = store.manifest(int(version.removeprefix("v")))
        return self.tasks[page.name] in (*manifest["trained_on"], *manifest["held_out"])

    def settle(self, page: BenchPage, before: str, saved: float, within_s: float = 7200) -> Settled:
        """Wait until no run is left after `page` was saved last, at a monotonic time, with `before` live.

        Raises:
            BenchFault: a run failed, or runs are left after `within_s`.
        """
        version, first_s, last_s = before, None, None
        busy_at = running_at = saved
        while (now := time.monotonic()) < saved + within_s:
            facts = self._facts()
            if facts.get("version", version) != version:
                version, last_s = facts["version"], now - saved
                if first_s is None and self.knows(version, page):
                    first_s = last_s
            if facts.get("training"):
                running_at = now
            if facts.get("training") or facts.get("pending"):
                busy_at = now
            if now - busy_at > IDLE_S:
                return Settled(version, first_s, last_s, facts.get("last_run") or {})
            if facts.get("last_error") and now - running_at > FAILED_S:
                raise BenchFault(f"the run failed: {facts['last_error']}\n{self.running.tail()}")
            time.sleep(POLL_S)
        raise BenchFault(f"runs are left after {within_s} s: {self.running.tail()}")

    def _facts(self) -> Json:
        """What `/health` tells of the project; where it is too busy to answer, a run goes on as far as we know."""
        try:
            return self.running.project(self.project)
        except requests.RequestException:
            return {"training": "not known"}


@contextmanager
def session(studio: Studio, pages: DataSet, ocr: Path, data_dir: Path, settings: dict[str, str]) -> Iterator[Session]:
    """A connected project with all pages uploaded, and a backend of its own that ends with the block.

    Args:
        ocr: folder of OCR results that sessions share.
        data_dir: of the backend; does not exist yet.
    """
    data_dir.mkdir()
    (data_dir / "ocr").symlink_to(ocr, target_is_directory=True)
    everything = [*pages.learn, *pages.judge]
    with backend(data_dir, **settings) as running:
        project = studio.create_project(pages.name, pages.label_config)
        numbers = studio.upload(project, [(page.name, page.image) for page in everything])
        studio.connect(project, running.url)
        tasks = dict(zip((page.name for page in everything), numbers, strict=True))
        yield Session(studio, running, project, parse_labeling_config(pages.label_config), tasks)

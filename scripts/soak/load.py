"""Steady load: pages that are opened, annotations that are saved, and the short routes that Label Studio asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

import psutil

from scripts.soak.ledger import PARTIAL, WRONG
from scripts.soak.product import WEB
from scripts.soak.scene import EVENT_S, PREDICT_S, SETUP_S, SHORT_S, Scene, SoakProject
from scripts.soak.studio import Json
from scripts.speed.memory_process import Taken, look
from scripts.speed.served_pages import never_seen

SINGLE_EVERY_S, BATCH_EVERY_S, PROBE_EVERY_S, LIST_EVERY_S = 1.0, 8.0, 0.5, 2.0
START_EVERY_S = 60.0
BATCH = 8
COLD_SHARE = 0.25
"""Of the pages that are asked for, those that were never read before."""
UPDATED_SHARE = 0.2
"""Of the annotations that are saved, those that were saved before."""
LOOK_EVERY_S, LOOK_AFTER_EVERY_S, SAMPLE_EVERY_S = 0.2, 0.1, 5.0
HEALTH_FIELDS = frozenset({"status", "model_class", "queue", "worker", "device", "ocr", "storage", "projects"})


class Load:
    """What is done again and again, each on a thread of its own.

    Attributes:
        samples: by web process what it had, and the second of the soak at which it was looked at.
        busy: the machine's load average over a minute, every few seconds.
        annotator: saves annotations.
    """

    def __init__(self, scene: Scene, seed: int, annotate_every_s: float) -> None:
        self.samples: dict[int, list[tuple[float, Taken]]] = {}
        self.busy: list[float] = []
        self.annotator = Annotator(scene, seed)
        self._scene = scene
        self._seed = seed
        self._annotate_every_s = annotate_every_s

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Until the block ends the product is looked after and its versions, answers and processes are watched."""
        with (
            repeating(self._scene.product.look_after, LOOK_AFTER_EVERY_S),
            repeating(self._scene.versions.look, LOOK_EVERY_S),
            repeating(self._sample, SAMPLE_EVERY_S),
            repeating(self._health, PROBE_EVERY_S),
            repeating(self._listing, LIST_EVERY_S),
        ):
            yield

    @contextmanager
    def pressing(self) -> Iterator[None]:
        """Until the block ends people open pages and save annotations."""
        starts = Random(f"starts {self._seed}")
        with (
            repeating(Predictions(self._scene, f"single {self._seed}", 1), SINGLE_EVERY_S),
            repeating(Predictions(self._scene, f"batch {self._seed}", BATCH), BATCH_EVERY_S),
            repeating(self.annotator, self._annotate_every_s),
            repeating(self._setup, PROBE_EVERY_S),
            repeating(lambda: self._start_training(starts.choice(self._scene.projects)), START_EVERY_S),
        ):
            yield

    def _health(self) -> None:
        reply = self._scene.ask("/health", patience_s=SHORT_S)
        if reply is None:
            return
        body = reply.body if isinstance(reply.body, dict) else {}
        missing = sorted(HEALTH_FIELDS - body.keys())
        if reply.status != 200 or missing:
            self._scene.ledger.fault(WRONG, f"/health: {reply.status}, without {missing}: {body.get('error')}")
        for number, facts in body.get("projects", {}).items():
            for fault in facts["degraded"]:
                self._scene.ledger.fault(PARTIAL, f"/health of project {number}: {fault}")
        self._scene.ledger.took("/health", reply.seconds)

    def _setup(self) -> None:
        for project in self._scene.projects:
            reply = self._scene.ask("/setup", setup_body(self._scene, project), patience_s=SETUP_S)
            if reply is None:
                continue
            if reply.status != 200 or not isinstance(reply.body, dict) or "model_version" not in reply.body:
                self._scene.ledger.fault(WRONG, f"/setup: {reply.status} {reply.body}")
            self._scene.ledger.took("/setup", reply.seconds)

    def _listing(self) -> None:
        for project in self._scene.projects:
            reply = self._scene.ask(f"/versions?project={project.number}", patience_s=SHORT_S)
            if reply is None:
                continue
            if reply.status != 200 or not isinstance(reply.body, dict):
                self._scene.ledger.fault(WRONG, f"/versions: {reply.status} {reply.body}")
                continue
            for name in reply.body["versions"]:
                self._scene.versions.listed(project.number, int(name.removeprefix("v")))

    def _start_training(self, project: SoakProject) -> None:
        body = {"action": "START_TRAINING", "project": {"id": project.number}}
        reply = self._scene.ask("/webhook", body, patience_s=PREDICT_S)
        if reply is not None and reply.status != 201:
            self._scene.ledger.fault(WRONG, f"Start Training: {reply.status} {reply.body}")
        self._scene.ledger.count("Start Training")

    def _sample(self) -> None:
        self.busy.append(psutil.getloadavg()[0])
        for pid in self._scene.product.pids(WEB):
            try:
                taken = look(psutil.Process(pid))
            except psutil.Error:
                continue
            self.samples.setdefault(pid, []).append((self._scene.ledger.at(), taken))


class Predictions:
    """Asks for pages of a project, some of which were never read."""

    def __init__(self, scene: Scene, seed: str, number: int) -> None:
        self._scene = scene
        self._random = Random(seed)
        self._number = number

    def __call__(self) -> None:
        project = self._random.choice(self._scene.projects)
        chosen = self._random.sample(range(len(project.known)), self._number)
        tasks = [self._task(project, index) for index in chosen]
        self._scene.predict(project, tasks, [project.known[index].size for index in chosen])

    def _task(self, project: SoakProject, index: int) -> Json:
        if self._random.random() >= COLD_SHARE:
            return project.tasks[index]
        (image,) = never_seen([project.known[index].image], 1)
        return self._scene.studio.upload(project.number, image)


class Annotator:
    """Saves an annotation; each is stored, and the backend told once."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self._scene = scene
        self._random = Random(f"annotator {seed}")
        self._drawn: dict[tuple[int, int], list[Json]] = {}

    def __call__(self) -> None:
        self.annotate(self._random.choice(self._scene.projects))

    def annotate(self, project: SoakProject, *, new: bool = False) -> None:
        """Annotate a new page of a project; unless it has to be `new`, perhaps take a box from an annotated one."""
        known = [place for place in self._drawn if place[0] == project.number and len(self._drawn[place]) > 1]
        if known and not new and self._random.random() < UPDATED_SHARE:
            place, action = self._random.choice(known), "ANNOTATION_UPDATED"
            self._drawn[place].pop(self._random.randrange(len(self._drawn[place])))
        else:
            page = next(project.more)
            task = self._scene.studio.upload(project.number, page.image)
            place, action = (project.number, task["id"]), "ANNOTATION_CREATED"
            self._drawn[place] = list(page.results)
        annotation = self._scene.studio.save(*place, self._drawn[place])
        self._scene.ledger.count("annotations saved")
        self._tell(project, action, annotation)

    def _tell(self, project: SoakProject, action: str, annotation: Json) -> None:
        """As Label Studio does it: in a second, and never again."""
        body = {
            "action": action,
            "annotation": annotation,
            "task": {"id": annotation["id"]},
            "project": self._scene.studio.project(project.number),
        }
        reply = self._scene.ask("/webhook", body, patience_s=EVENT_S)
        if reply is None:
            self._scene.ledger.count("events that nobody took")
            return
        if reply.status != 201:
            self._scene.ledger.fault(WRONG, f"/webhook: {reply.status} {reply.body}")
        self._scene.ledger.took("/webhook", reply.seconds)


def setup_body(scene: Scene, project: SoakProject) -> Json:
    """What Label Studio sends before it asks for anything."""
    schema = scene.studio.label_config(project.number)
    return {"project": f"{project.number}.1", "schema": schema, "hostname": scene.studio.url, "access_token": ""}


@contextmanager
def repeating(act: Callable[[], None], every_s: float) -> Iterator[None]:
    """Do something every so many seconds until the block ends; a defect in it ends the soak with the block.

    What takes longer than that is done again at once, not twice at a time.
    """
    enough = threading.Event()
    defects: list[BaseException] = []

    def repeat() -> None:
        due = time.monotonic()
        while not enough.wait(max(0.0, due - time.monotonic())):
            due = max(due, time.monotonic() - every_s) + every_s
            try:
                act()
            except Exception as defect:  # of the soak itself: told at the end, whatever was counted is worth nothing
                defects.append(defect)
                return

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()
    if defects:
        raise defects[0]

"""What a soak came to: what was lost, and the figures with what is asked of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

import numpy as np

from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from scripts.soak.kills import RESUMED, RESUMED_S, SERVING, SERVING_S, WHOLE
from scripts.soak.ledger import LOST, ORPHAN, PARTIAL, REPAIR, WRONG, Ledger
from scripts.soak.options import Options
from scripts.soak.product import STOP_S
from scripts.soak.scene import Scene
from scripts.soak.studio import SoakStudio
from scripts.speed.figures import Figure, measured
from scripts.speed.memory_process import Taken

PART = "soak"
SETTLED_S = 30.0
"""A web process has all its threads and files after so long."""
MORE_FILES, MORE_THREADS = 32, 24
"""A web process may have so many more at one moment than at another: requests and readers come and go, and most threads
start when they are first needed."""
KINDS = (LOST, PARTIAL, WRONG, REPAIR, ORPHAN)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that a soak noted.

    Attributes:
        samples: by web process what it had at seconds of the soak.
        busy: load averages of the machine.
        versions: that were ever listed.
        annotated: tasks with an annotation.
        trained_on: those of them whose annotation, as it was saved last, the newest versions know.
        defects: lines of the log that tell of one.
    """

    options: Options
    ledger: Ledger
    samples: Mapping[int, Sequence[tuple[float, Taken]]]
    busy: Sequence[float]
    versions: int
    annotated: int
    trained_on: int
    defects: Sequence[str]

    def figures(self) -> list[Figure]:
        """Every count and time, with what is asked of it."""
        return [*self._counts(), *self._times(), *self._web()]

    @property
    def good(self) -> bool:
        """Whether everything is as asked."""
        return all(figure.met is not False for figure in self.figures())

    def to_json(self) -> dict[str, Any]:
        return {
            "options": {"seconds": self.options.seconds, "kills": self.options.kills, "seed": self.options.seed},
            "figures": [
                {
                    "what": figure.what,
                    "value": figure.value,
                    "unit": figure.unit,
                    "asked": figure.asked,
                    "met": figure.met,
                }
                for figure in self.figures()
            ],
            "faults": dict(self.ledger.faults),
            "defects": list(self.defects),
        }

    def _counts(self) -> Iterator[Figure]:
        counts, faults = self.ledger.counts, self.ledger.faults
        kills = sum(number for name, number in counts.items() if name.startswith("kills: "))
        yield measured(PART, "kills", [kills], "", at_least=self.options.kills)
        for kind in KINDS:
            yield measured(PART, kind, [len(faults[kind])], "", at_most=0)
        yield measured(PART, "defects in the log", [len(self.defects)], "", at_most=0)
        yield measured(PART, "annotated tasks", [self.annotated], "")
        yield measured(PART, "annotated tasks trained on as saved last", [self.trained_on], "", at_least=self.annotated)
        yield measured(PART, "versions listed", [self.versions], "")
        for name, number in sorted(counts.items()):
            yield measured(PART, name, [number], "")

    def _times(self) -> Iterator[Figure]:
        limits = {SERVING: SERVING_S, WHOLE: SERVING_S, RESUMED: RESUMED_S, "stop": STOP_S}
        for name, seconds in sorted(self.ledger.seconds.items()):
            if name in limits:
                yield measured(PART, f"{name}, median of {len(seconds)}", seconds, "s")
                yield measured(PART, f"{name}, longest", [max(seconds)], "s", at_most=limits[name])
            else:
                yield measured(PART, f"{name}, median of {len(seconds)}", seconds, "s")
                yield measured(PART, f"{name}, 99 of 100", [float(np.quantile(seconds, 0.99))], "s")

    def _web(self) -> Iterator[Figure]:
        found = [sample for samples in self.samples.values() for _, sample in samples]
        if not found:
            return
        yield measured(PART, "web process, memory at first", [found[0].rss_mb], "MB")
        yield measured(PART, "web process, memory at last", [found[-1].rss_mb], "MB")
        more = [settled_growth(samples) for samples in self.samples.values()]
        yield measured(
            PART, "more open files in a web process", [max(files for files, _ in more)], "", at_most=MORE_FILES
        )
        yield measured(
            PART, "more threads in a web process", [max(threads for _, threads in more)], "", at_most=MORE_THREADS
        )
        yield measured(PART, "load average of the machine, median", [median(self.busy)], "")
        yield measured(PART, "load average of the machine, highest", [max(self.busy)], "")


def settled_growth(samples: Sequence[tuple[float, Taken]]) -> tuple[int, int]:
    """How many more open files and threads a process had at last than soon after its start."""
    settled = [taken for at, taken in samples if at >= samples[0][0] + SETTLED_S]
    if not settled:
        return 0, 0
    return settled[-1].files - settled[0].files, settled[-1].threads - settled[0].threads


def count_lost(scene: Scene) -> tuple[int, int]:
    """How many tasks are annotated, and of how many the newest versions know the last state; others are faults."""
    annotated = lost = 0
    for project in scene.projects:
        annotated += len(scene.studio.saved(project.number))
        for task in sorted(not_known(scene.studio, scene.folder(project.number))):
            lost += 1
            scene.ledger.fault(LOST, f"project {project.number}: the annotation of task {task} was not trained on")
    return annotated, annotated - lost


def not_known(studio: SoakStudio, folder: ProjectFolder) -> set[int]:
    """The tasks whose annotation, as it was saved last, the newest version of a project does not know.

    A version's manifest names its tasks, those that were learnt and those that were held out. That it knows the last
    state of each is told by the export that it was made from, the last one: it is complete, and older than the version.
    """
    store = VersionStore(folder)
    saved, export = studio.saved(folder.project_id), studio.last_export(folder.project_id)
    numbers = store.numbers()
    if export is None or not numbers:
        return set(saved)
    manifest = store.manifest(numbers[-1])
    made = datetime.fromisoformat(manifest["created"]).timestamp()
    if made + 1 < export.ended:  # whole seconds are noted
        return set(saved)
    tasks = {*manifest["trained_on"], *manifest["held_out"]}
    return {task for task, revision in saved.items() if task not in tasks or export.revisions.get(task) != revision}

"""The part of `/metrics` that is no event but a state: of the queue, the loaded models and each project.

Read anew with each scrape: a few small files for each project, and what the health board and the models keep in memory.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from backend.jobs.queue import QueueStatus, WorkerState
from backend.jobs.run_state import Phase, read_run
from backend.service.health import EMBEDDED, HealthBoard
from backend.service.loading import PredictorLoader
from backend.service.projects import Projects, training_phase
from backend.versions.files import FileState, file_state
from backend.versions.project import ProjectFolder, known_projects
from backend.versions.store import VersionStore

PREFIX = "layoutlmv3"
MOST_PROJECTS = 1000
"""Projects told of, the lowest numbers first: a webhook nobody authenticated may name any number."""
DECISIONS = {"promoted": "promoted", "refused": "refused", "rolled back": "rolled_back"}


class States(Collector):
    """Gives Prometheus the states of one application."""

    def __init__(self, health: HealthBoard, loader: PredictorLoader, projects: Projects) -> None:
        self._health = health
        self._loader = loader
        self._projects = projects
        # By a project's history: its state when it was read, and how often each decision stands there.
        self._decisions: dict[Path, tuple[FileState, Tally[str]]] = {}

    def collect(self) -> Iterable[Metric]:
        yield from self._of_queue()
        yield from self._of_models()
        yield from self._of_projects()

    def _of_queue(self) -> Iterator[Metric]:
        seen, _ = self._health.picture()
        queue = _gauge("queue", "1 for the state that the training queue is in.", "state")
        for state in (*QueueStatus, EMBEDDED):
            queue.add_metric([state], state == seen["queue"])
        worker = _gauge("worker", "1 for the state that the training workers are in.", "state")
        for state in WorkerState:
            worker.add_metric([state], state == seen["worker"])
        yield from (queue, worker)

    def _of_models(self) -> Iterator[Metric]:
        loaded = self._loader.loaded_bytes()
        yield GaugeMetricFamily(f"{PREFIX}_loaded_models", "Versions in memory.", len(loaded))
        size = _gauge("loaded_model_bytes", "Memory of the weights of the version in memory.", "project")
        for project_id, count in loaded.items():
            size.add_metric([str(project_id)], count)
        yield size

    def _of_projects(self) -> Iterator[Metric]:
        version = _gauge("live_version", "Number of the version that is served, 0 before the first.", "project")
        training = _gauge("training", "1 for the state of the last or present training run.", "project", "state")
        error = _gauge("training_error", "1 for why the last run that ended came to nothing.", "project", "code")
        ended = _gauge("training_ended_timestamp_seconds", "When the last run ended.", "project")
        decisions = CounterMetricFamily(
            f"{PREFIX}_version_decisions",
            "Versions promoted, refused and rolled back to, ever.",
            labels=["project", "decision"],
        )
        trainings = CounterMetricFamily(
            f"{PREFIX}_trainings", "Training runs by how they ended, ever.", labels=["project", "outcome"]
        )
        waiting = 0
        for project_id in self._told_projects():
            folder, name = ProjectFolder(self._projects.data_dir, project_id), str(project_id)
            try:
                phase, run, counts = training_phase(folder), read_run(folder), self._decisions_of(folder)
                version.add_metric([name], self._projects.live(project_id) or 0)
            except OSError:
                continue  # the health board logs it; the other projects can be told of
            waiting += phase is Phase.WAITING
            for state in Phase:
                training.add_metric([name, state], state is phase)
            for outcome, count in (run.outcomes if run is not None else {}).items():
                trainings.add_metric([name, outcome], count)
            if run is not None and run.code:
                error.add_metric([name, run.code], 1)
            if run is not None and run.ended is not None:
                ended.add_metric([name], run.ended)
            for event, decision in DECISIONS.items():
                decisions.add_metric([name, decision], counts[event])
        yield GaugeMetricFamily(f"{PREFIX}_waiting_runs", "Projects whose training run waits for a worker.", waiting)
        yield from (version, training, trainings, error, ended, decisions)

    def _told_projects(self) -> list[int]:
        try:
            return known_projects(self._projects.data_dir)[:MOST_PROJECTS]
        except OSError:
            return []  # the rest can be told with a disk that fails, and is wanted then

    def _decisions_of(self, folder: ProjectFolder) -> Tally[str]:
        """How often each decision stands in a project's history, which is read again only after a change."""
        try:
            state = file_state(folder.history)
        except FileNotFoundError:
            return Tally()
        known = self._decisions.get(folder.history)
        if known is None or known[0] != state:
            counts = Tally(str(line.get("event")) for line in VersionStore(folder).history())
            known = self._decisions[folder.history] = (state, counts)
        return known[1]


def _gauge(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", meaning, labels=labels)

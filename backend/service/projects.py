"""What the routes know and note about projects, all of it on disk.

A webhook becomes a note there, and the dispatcher turns notes into training runs: no request asks Redis.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from backend.errors import ConfigError, ServiceError
from backend.jobs.changes import note_change, note_config, note_start, read_changes
from backend.jobs.queue import new_job_id
from backend.jobs.run_state import Phase, RunState, read_run
from backend.label_studio.config import parse_labeling_config
from backend.label_studio.events import Event
from backend.versions.locks import is_locked
from backend.versions.project import ProjectFolder, ProjectRecord, known_projects, load_record, save_record
from backend.versions.store import Servable, VersionStore, version_name

_JOB = re.compile(r"train-([0-9]{1,12})-[A-Za-z0-9]+")


class Projects:
    """The projects of one data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        # By project: its `current` version when it was looked at, and what can be served of it.
        self._inspected: dict[int, tuple[int | None, Servable]] = {}

    def remember_setup(
        self,
        project_id: int,
        hostname: str,
        access_token: str,
        label_config: str,
        extra_params: dict[str, Any] | None = None,
    ) -> None:
        """Keep what `/setup` said; what differs from the last time in how pages are read or labelled is a change to
        train on.

        Args:
            extra_params: what the extra params say, as `parse_extra_params` takes it.

        Raises:
            ServiceError: `storage`, the data folder cannot be written.
        """
        with _storage():
            known = load_record(self._folder(project_id))
            title = known.title if known is not None else ""
            record = ProjectRecord(
                project_id, hostname, access_token, label_config, time.time(), extra_params or {}, title
            )
            save_record(self.data_dir, record)
            note_config(self._folder(project_id), _learnt_from(record))

    def remember_event(self, event: Event) -> None:
        """Keep the labeling configuration and the title that a webhook carries.

        Webhooks are not authenticated: only a project that `/setup` made known is touched, and only by a configuration
        that can be served. The next `/setup` corrects it.
        """
        record = load_record(self._folder(event.project_id))
        if record is None:
            return
        label_config = event.label_config
        if label_config is None or label_config == record.label_config or not _can_be_served(label_config):
            label_config = record.label_config
        told = replace(record, title=event.title or record.title, label_config=label_config)
        if told == record:
            return
        with _storage():
            save_record(self.data_dir, replace(told, updated=time.time()))
            note_config(self._folder(event.project_id), _learnt_from(told))

    def label_config(self, project_id: int) -> str:
        """The labeling configuration remembered of a project; empty when there is none."""
        record = load_record(self._folder(project_id))
        return record.label_config if record else ""

    def note_changes(self, project_id: int, count: int) -> None:
        """Note on disk that annotations changed.

        Raises:
            ServiceError: `storage`.
        """
        with _storage():
            note_change(self._folder(project_id), count=count)

    def start_training(self, project_id: int) -> str:
        """Note that a run is wanted at once; the id of the run that will do it: the one that waits, or the next.

        Raises:
            ServiceError: `storage`.
        """
        folder = self._folder(project_id)
        with _storage():
            run = read_run(folder)
            begun = run is not None and run.state is Phase.RUNNING and is_locked(folder.train_lock)
            return note_start(folder, new_job_id(project_id), begun=begun).wished

    def is_training(self, project_id: int) -> bool:
        return training_phase(self._folder(project_id)) in (Phase.WAITING, Phase.RUNNING)

    def job_status(self, job: str) -> dict[str, Any]:
        """How the last or present run of the project that a job id names stands; `unknown` for other ids."""
        match = _JOB.fullmatch(job)
        if match is None:
            return {"job_status": "unknown", "error": ""}
        folder = self._folder(int(match[1]))
        run = read_run(folder)
        if read_changes(folder).next_run == job and (run is None or run.job != job):
            return {"job_status": Phase.WAITING, "error": ""}
        return {"job_status": training_phase(folder) or "unknown", "error": run.message if run else ""}

    def version(self, project_id: int) -> str:
        """The name of the version that predictions of a project carry. Cheap, as `live` is."""
        return version_name(self.live(project_id))

    def live(self, project_id: int) -> int | None:
        """The number of that version; None before there is one. Cheap: no file of a version is read."""
        current = VersionStore(self._folder(project_id)).current()
        looked_at, servable = self._inspected.get(project_id, (None, Servable(None)))
        return servable.number if looked_at == current else current

    def versions(self, project_id: int | None) -> list[str]:
        """The names of a project's versions, or of all projects' where none is named, newest first."""
        projects = known_projects(self.data_dir) if project_id is None else [project_id]
        numbers = {number for known in projects for number in VersionStore(self._folder(known)).numbers()}
        return [version_name(number) for number in sorted(numbers, reverse=True)]

    def facts(self) -> dict[str, dict[str, Any]]:
        """What `/health` tells of each project, by its number.

        Reads every file of a version that became current, which may take seconds: not for a request.
        """
        return {str(number): self._facts(number) for number in known_projects(self.data_dir)}

    def _facts(self, project_id: int) -> dict[str, Any]:
        folder = self._folder(project_id)
        self._inspect(folder)
        run, changes = read_run(folder), read_changes(folder)
        _, servable = self._inspected[project_id]
        record = load_record(folder)
        return {
            "title": record.title if record is not None else "",
            "version": version_name(servable.number),
            "training": _training(run, changes.run),
            "pending": changes.pending or changes.forced,
            "last_run": _outcome(run),
            "last_error": {"code": run.code, "message": run.message, "hint": run.hint} if run and run.code else None,
            "degraded": list(servable.faults),
        }

    def _inspect(self, folder: ProjectFolder) -> None:
        """Look again at what can be served of a project, if another version became current."""
        store = VersionStore(folder)
        current = store.current()
        known = self._inspected.get(folder.project_id)
        if known is None or known[0] != current:
            self._inspected[folder.project_id] = (current, store.inspect())

    def _folder(self, project_id: int) -> ProjectFolder:
        return ProjectFolder(self.data_dir, project_id)


def _can_be_served(label_config: str) -> bool:
    try:
        parse_labeling_config(label_config)
    except ConfigError:
        return False
    return True


def _learnt_from(record: ProjectRecord) -> str:
    """All that a project states of itself and that a version depends on, as one text."""
    return record.label_config + (json.dumps(record.extra_params, sort_keys=True) if record.extra_params else "")


def training_phase(folder: ProjectFolder) -> Phase | None:
    """Where the training of a project stands; None before it was ever wanted."""
    run, changes = read_run(folder), read_changes(folder)
    if run is not None and run.active:
        return run.state
    if changes.job or changes.forced:
        return Phase.WAITING  # the dispatcher or a worker takes it up within seconds
    return run.state if run is not None else None


def _training(run: RunState | None, told: str) -> dict[str, Any] | None:
    """The run that waits or is at work.

    Args:
        told: its id as people know it; empty where that is the entry of the queue.
    """
    if run is None or not run.active:
        return None
    return {
        "job": told or run.job,
        "state": run.state,
        "stage": run.stage,
        "step": run.step,
        "steps": run.steps,
        "started": run.started,
    }


def _outcome(run: RunState | None) -> dict[str, Any] | None:
    """What the last run that ended with a version came to, and why that is served or not."""
    if run is None or run.version is None:
        return None
    return {
        "version": version_name(run.version),
        "promoted": run.promoted,
        "reason": run.reason,
        "annotations": run.annotations,
        "config_changed": run.config_changed,
        "ended": run.ended,
        "metrics": run.metrics,
    }


@contextmanager
def _storage() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ServiceError("storage", "the data folder cannot be written", "see DATA_DIR and the free space") from error

"""Training runs of one project, as a worker's child process does them: lock, wait until due, train, record."""

from __future__ import annotations

import errno
import importlib
import logging
import os
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import fields, replace
from typing import Any, Protocol

from rq import get_current_job
from rq.timeouts import JobTimeoutException

from backend.errors import BackendError, ServiceError, TrainingRefused, TrainingStopped
from backend.jobs.changes import Changes, mark_ended, mark_failed, note_job, read_changes
from backend.jobs.prelabel_job import wish_after_promotion
from backend.jobs.priority import step_back
from backend.jobs.refused import key_digest, refused_lately
from backend.jobs.run_notes import RunNotes
from backend.jobs.run_state import Phase, RunState, read_run, with_loss, write_run
from backend.jobs.waiting import is_due_soon, is_next, wait_until_due
from backend.logs import log_fields
from backend.settings import Settings, load_settings
from backend.versions.locks import Busy, locked
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore

LOG = logging.getLogger(__name__)

LOCK_PATIENCE_S = 2.0
"""Longer than the moment for which the dispatcher looks whether the lock is held."""

SHOW_EVERY_S = 0.2

_SHOWN = frozenset(item.name for item in fields(RunState)) - {"job", "state", "started", "ended", "losses"}


class Train(Protocol):
    """Trains a project and gives the run's report: version, promoted, reason, metrics, fingerprint, annotations."""

    def __call__(self, progress: Recorder, notes: RunNotes) -> dict[str, Any]: ...


Load = Callable[[Settings, int], Train]
"""Loads what the runs of a project need."""


class Recorder:
    """Shows a run's progress in `run.json`; called with the fields of RunState that changed.

    Attributes:
        fingerprint: of the annotations, where the training side told it before it failed.
    """

    def __init__(self, folder: ProjectFolder, state: RunState) -> None:
        self.fingerprint = ""
        self._folder = folder
        self._state = state
        self._shown_at = float("-inf")
        self._show()

    def __call__(self, **progress: Any) -> None:
        self.fingerprint = str(progress.pop("fingerprint", self.fingerprint))
        stage = self._state.stage
        self._state = replace(self._state, **{name: progress[name] for name in _SHOWN & progress.keys()})
        if progress.get("loss") is not None:
            losses = with_loss(self._state.losses, self._state.step, float(progress["loss"]))
            self._state = replace(self._state, losses=losses)
        if self._state.stage != stage or time.monotonic() - self._shown_at >= SHOW_EVERY_S:
            self._show()

    def end(self, state: Phase, **result: Any) -> None:
        """Show how the run ended."""
        self._state = replace(self._state, state=state, ended=time.time(), **result)
        self._show()

    def _show(self) -> None:
        self._shown_at = time.monotonic()
        with suppress(OSError):  # a full disk must not end a run that may still succeed, nor hide why one failed
            write_run(self._folder, self._state)


def run(project_id: int) -> None:
    """Train a project if anything changed in it; what a worker calls, by its dotted name."""
    step_back()
    run_in_worker(load_settings(), project_id, _load_trainer)


def run_in_worker(settings: Settings, project_id: int, load: Load) -> None:
    """As `run_with`; a run that was stopped ends the process, so that the worker queues it again."""
    try:
        with log_fields(project=project_id, job=_job_id()):
            run_with(settings, project_id, load)
    except TrainingStopped:
        os._exit(os.EX_TEMPFAIL)  # all it has is on the disk; RQ would count an exception as a failure of the run


def run_with(settings: Settings, project_id: int, load: Load) -> None:
    """Train a project when that is due, each time that it is due while this process is kept, and record how it went.

    Failures with a name are recorded and end the run. Any other is recorded and raised, so that the queue tries again.

    Raises:
        TrainingStopped: the process is to end; the run, whose state is not changed, goes on in another.
    """
    folder = ProjectFolder(settings.data_dir, project_id)
    began = time.monotonic()
    with ExitStack() as kept:
        try:
            kept.enter_context(locked(folder.stay_lock, patience_s=0))
            stays = True
        except Busy:
            stays = False  # another process does already, between two runs
        try:
            train = _first_run(settings, folder, load)
            while train is not None and stays and is_next(settings, folder, began):
                with locked(folder.train_lock, patience_s=LOCK_PATIENCE_S):
                    if not _is_held_back(settings, folder):
                        note_job(folder, _job_id())
                        _train_and_record(settings, folder, train)
        except Busy:
            LOG.warning("already training", extra={"project": project_id})


def _first_run(settings: Settings, folder: ProjectFolder, load: Load) -> Train | None:
    """The run that this process was started for; what it loaded, or None when the run was not due.

    Raises:
        Busy: another process trains the project.
    """
    with locked(folder.train_lock, patience_s=LOCK_PATIENCE_S):
        if _is_held_back(settings, folder):
            return None
        seen = read_changes(folder)
        train = load(settings, folder.project_id) if is_due_soon(settings, folder) else None
        if train is None or not wait_until_due(settings, folder):
            LOG.info("nothing to train", extra={"project": folder.project_id})
            _settle(folder, seen)
            return None
        VersionStore(folder).clean()
        _train_and_record(settings, folder, train)
    return train


def _is_held_back(settings: Settings, folder: ProjectFolder) -> bool:
    """Whether Label Studio refused the token a moment ago and would again; the changes wait for the timer then."""
    state, seen = read_run(folder), read_changes(folder)
    if state is None or seen.forced or not refused_lately(settings, folder, state, time.time()):
        return False
    LOG.info("no run: the token is still the one that was refused", extra={"project": folder.project_id})
    write_run(folder, replace(state, state=Phase.FAILED))
    mark_failed(folder, seen, retry_from=state.ended)
    return True


def _load_trainer(settings: Settings, project_id: int) -> Train:
    # The training side is met here and in no other place of the worker: its parent process forks for each run and must
    # never have imported torch.
    run: Train = importlib.import_module("backend.ml_backend").Trainer(settings, project_id).run
    return run


def _train_and_record(settings: Settings, folder: ProjectFolder, train: Train) -> None:
    seen = read_changes(folder)
    notes = RunNotes(settings, folder, seen)
    recorder = Recorder(folder, _beginning(folder, seen))
    about = {"project": folder.project_id, "job": seen.job}
    LOG.info("run started", extra=about)
    try:
        report = train(recorder, notes)
    except TrainingRefused as error:
        LOG.info("run refused", extra={**about, "code": error.code, "cause": error.message})
        recorder.end(Phase.REFUSED, code=error.code, message=error.message, hint=error.hint)
        notes.refused(recorder.fingerprint)
    except TrainingStopped:
        LOG.info("run stopped, goes on later", extra=about)
        raise
    except BackendError as error:
        LOG.error("run failed", extra={**about, "code": error.code, "cause": error.message})
        key = key_digest(settings, folder) if error.code == "label_studio_auth" else ""
        recorder.end(Phase.FAILED, code=error.code, message=error.message, hint=error.hint, refused_key=key)
        notes.failed(retry_from=time.time() if isinstance(error, ServiceError) else None)
    except JobTimeoutException:
        LOG.error("run failed", extra={**about, "code": "timeout"})
        message = f"stopped after {settings.train_timeout_s} s"
        recorder.end(Phase.FAILED, code="timeout", message=message, hint="raise TRAIN_TIMEOUT_S")
        notes.failed()
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            LOG.error("run failed", extra={**about, "code": "disk_full"})
            recorder.end(Phase.FAILED, code="disk_full", message="the disk is full", hint="free some space")
            notes.failed(retry_from=time.time())
            return
        LOG.exception("run failed", extra={**about, "code": "internal"})
        message = "a defect in the backend; its log has the details"
        recorder.end(Phase.FAILED, code="internal", message=message)
        raise
    else:
        recorder.end(
            Phase.SUCCEEDED if report["version"] is not None else Phase.REFUSED,
            **{name: report[name] for name in ("version", "promoted", "reason", "metrics", "annotations")},
            code="",
            refused_key="",
            config_changed=read_changes(folder).config != seen.config,
            message="" if report["version"] is not None else report["reason"],
            hint="",
        )
        notes.succeeded(report["fingerprint"])
        if report["promoted"]:
            job = get_current_job()
            wish_after_promotion(settings, folder.project_id, job.connection if job else None)


def _settle(folder: ProjectFolder, seen: Changes) -> None:
    """End a run that is not due (any more): whoever waits for it must not wait for ever."""
    state = read_run(folder)
    if state is not None and state.active:
        write_run(folder, replace(state, state=Phase.SUCCEEDED, ended=time.time()))
    mark_ended(folder, seen)


def _beginning(folder: ProjectFolder, seen: Changes) -> RunState:
    """The state of a run that begins; the failure of the run before is shown until this one ends."""
    last = read_run(folder)
    begun = RunState(seen.run or _job_id() or seen.job, Phase.RUNNING, started=time.time())
    if last is None:
        return begun
    return replace(begun, code=last.code, message=last.message, hint=last.hint, losses=last.losses)


def _job_id() -> str:
    """The id of the queue's entry that this process works on; empty outside of a worker."""
    job = get_current_job()
    return str(job.id) if job else ""

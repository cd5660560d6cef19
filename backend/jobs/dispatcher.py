"""The clock of training: looks at the notes of all projects and queues the runs that are due.

Of several web processes only one acts, the holder of a lock in `DATA_DIR`. It never talks to Label Studio on the
thread that keeps the clock.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from redis.exceptions import RedisError

from backend.errors import BackendError
from backend.jobs.changes import Changes, Clock, mark_failed, note_fingerprint, note_job, note_lost, read_changes
from backend.jobs.due import due
from backend.jobs.queue import JobState, QueueStatus, TrainingQueue, new_job_id
from backend.jobs.run_state import Phase, RunState, killed, read_run, write_run
from backend.jobs.waiting import EARLY_S
from backend.settings import Settings
from backend.versions.locks import Busy, is_locked, locked
from backend.versions.project import ProjectFolder, known_projects

LOG = logging.getLogger(__name__)

TICK_S = 0.5

Fingerprint = Callable[[int], str]
"""The state of a project's annotations in Label Studio; raises BackendError when it cannot be had."""


class Dispatcher:
    """Queues each run a little before it is due.

    Args:
        fingerprint: asked at start, when Redis comes back and every RECONCILE_S, to find changes that no webhook told.
        clock: seconds since the epoch.

    Attributes:
        queue_status: as of the last tick.
    """

    def __init__(
        self, settings: Settings, queue: TrainingQueue, fingerprint: Fingerprint | None = None, clock: Clock = time.time
    ) -> None:
        self.queue_status = QueueStatus.DOWN
        self._settings = settings
        self._queue = queue
        self._fingerprint = fingerprint
        self._clock = clock
        self._leadership = ExitStack()
        self._leads = False
        self._stopped = threading.Event()
        self._reconcile_now = threading.Event()
        self._threads: list[threading.Thread] = []
        self._said: dict[str, str] = {}

    def start(self) -> None:
        """Begin; returns at once."""
        for name, loop in (("dispatcher", self._tick_forever), ("reconciler", self._reconcile_forever)):
            thread = threading.Thread(target=loop, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End, and let another process lead. A question to Label Studio that is under way is not waited for."""
        self._stopped.set()
        self._reconcile_now.set()
        for thread in self._threads:
            thread.join(timeout=2 * TICK_S)
        self._leadership.close()
        self._leads = False

    def tick(self) -> None:
        """Look at every project once."""
        self._look_at_queue()
        if not self._take_lead() or self.queue_status is not QueueStatus.OK:
            return
        for project_id in known_projects(self._settings.data_dir):
            folder = ProjectFolder(self._settings.data_dir, project_id)
            try:
                self._look_at(folder)
            except RedisError:
                return  # the next tick finds out what Redis can do
            except OSError as error:
                self._say(f"notes {project_id}", f"notes cannot be written: {error.strerror}")
            else:
                self._say(f"notes {project_id}", "")

    def reconcile(self) -> None:
        """Compare every project with Label Studio once and note what differs."""
        if self._fingerprint is None:
            return
        for project_id in known_projects(self._settings.data_dir):
            folder = ProjectFolder(self._settings.data_dir, project_id)
            seen = read_changes(folder)
            try:
                fingerprint = self._fingerprint(project_id)
            except BackendError as error:
                self._say(f"project {project_id}", f"project {project_id} not compared: {error.message}")
                continue
            self._say(f"project {project_id}", "")
            if note_fingerprint(folder, fingerprint, seen, self._clock):
                LOG.info("annotations changed without a webhook", extra={"project": project_id})

    def _look_at_queue(self) -> None:
        status = self._queue.status()
        if status is not QueueStatus.OK:
            self._say("queue", f"the queue is {status}: changes are noted, training waits")
        elif self.queue_status is not QueueStatus.OK:
            self._say("queue", "")
            LOG.info("the queue is up")
            self._reconcile_now.set()
        self.queue_status = status

    def _take_lead(self) -> bool:
        if not self._leads:
            try:
                self._leadership.enter_context(
                    locked(self._settings.data_dir / "run" / "dispatcher.lock", patience_s=0)
                )
            except Busy:
                return False
            self._leads = True
            self._reconcile_now.set()
        return True

    def _look_at(self, folder: ProjectFolder) -> None:
        changes = read_changes(folder)
        if changes.job:
            self._follow(folder, changes)
        elif due(changes, self._settings, self._clock() + EARLY_S) and not self._is_looked_after(folder):
            self._queue_run(folder, changes.next_run or new_job_id(folder.project_id))

    def _is_looked_after(self, folder: ProjectFolder) -> bool:
        """Whether a process trains the project, or stays to train it when that is due."""
        return is_locked(folder.train_lock) or is_locked(folder.stay_lock)

    def _queue_run(self, folder: ProjectFolder, job: str) -> None:
        last = read_run(folder)
        # Noted first: a job that never reaches the queue is found missing and queued again, a second one never is.
        note_job(folder, job)
        waiting = replace(last, job=job, state=Phase.WAITING) if last else RunState(job, Phase.WAITING)
        write_run(folder, waiting)
        self._queue.enqueue(folder.project_id, job)
        LOG.info("run queued", extra={"project": folder.project_id, "job": job})

    def _follow(self, folder: ProjectFolder, changes: Changes) -> None:
        """Look after a run that was queued: the queue may have lost it or given it up."""
        state = self._queue.state(changes.job)
        if state is JobState.ALIVE or is_locked(folder.train_lock):
            return
        if read_changes(folder).job != changes.job:
            return  # it ended between the two looks
        if state is JobState.FAILED:
            run = read_run(folder)
            if run is not None and run.active:
                write_run(folder, killed(run, self._clock()))
            mark_failed(folder, changes)
            LOG.error("run given up", extra={"project": folder.project_id, "job": changes.job})
        else:
            note_lost(folder)
            LOG.warning("run lost by the queue", extra={"project": folder.project_id, "job": changes.job})

    def _tick_forever(self) -> None:
        while not self._stopped.is_set():
            self._guarded(self.tick)
            self._stopped.wait(TICK_S)

    def _reconcile_forever(self) -> None:
        while not self._stopped.is_set():
            self._reconcile_now.wait(self._settings.reconcile_s)
            self._reconcile_now.clear()
            if self._leads and not self._stopped.is_set():
                self._guarded(self.reconcile)

    def _guarded(self, act: Callable[[], None]) -> None:
        """A defect met once must not end the thread for ever; said once, not every second."""
        try:
            act()
        except Exception as error:
            name, cause = act.__name__, repr(error)
            if self._said.get(name) != cause:
                LOG.exception("dispatcher failed", extra={"code": "internal"})
            self._said[name] = cause

    def _say(self, about: str, message: str) -> None:
        """Log a message when it is news."""
        if message and self._said.get(about) != message:
            LOG.warning(message)
        self._said[about] = message

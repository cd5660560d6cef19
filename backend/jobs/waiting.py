"""How the process of a run waits: before it until the run is due, after it for the next one.

Loading what a run needs takes longer than the fast learner takes to learn. So the process starts a little early and
loads while the quiet time passes, and it stays for a while when it is done.
"""

from __future__ import annotations

import time

from redis.exceptions import RedisError
from rq import Queue, get_current_job
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import Worker, WorkerStatus

from backend.jobs.changes import read_changes
from backend.jobs.due import due
from backend.settings import Settings
from backend.versions.project import ProjectFolder

EARLY_S = 5.0
"""A run is queued this long before it is due."""

STAY_S = 300.0
"""How long the process of a run waits for the next change in its project."""

LOOK_EVERY_S = 0.1


def is_due_soon(settings: Settings, folder: ProjectFolder) -> bool:
    """Whether a run's process may start."""
    return due(read_changes(folder), settings, time.time() + EARLY_S)


def wait_until_due(settings: Settings, folder: ProjectFolder) -> bool:
    """Return when a run is due; false when it is not due soon (any more), because of new changes or another run."""
    while is_due_soon(settings, folder):
        if due(read_changes(folder), settings, time.time()):
            return True
        time.sleep(LOOK_EVERY_S)
    return False


def is_next(settings: Settings, folder: ProjectFolder, began: float) -> bool:
    """Wait for the next run of the project; false when this process is to end instead.

    Args:
        began: time of `time.monotonic` at which the process began: it must have time left for a whole run.
    """
    job = get_current_job()
    if job is None:
        return False  # outside of a worker
    end = min(time.monotonic() + STAY_S, began + settings.train_timeout_s / 2)
    queue = Queue(job.origin, connection=job.connection, serializer=JSONSerializer)
    try:
        _tell(job, WorkerStatus.IDLE)
        while time.monotonic() < end and queue.count == 0:  # runs of other projects wait for this process to end
            if due(read_changes(folder), settings, time.time()):
                _tell(job, WorkerStatus.BUSY)
                return True
            time.sleep(LOOK_EVERY_S)
    except RedisError:
        pass  # whether others wait cannot be known
    return False


def _tell(job: Job, state: WorkerStatus) -> None:
    """Let the worker, which RQ counts as busy while it has a child, be known as what it is."""
    job.connection.hset(f"{Worker.redis_worker_namespace_prefix}{job.worker_name}", "state", state)

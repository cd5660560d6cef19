"""The Redis that carries training runs, and whether a worker takes them from it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

from backend.doctor.causes import finding, passed, skipped
from backend.doctor.finding import Finding, Level
from backend.jobs.queue import QueueStatus, TrainingQueue, WorkerState, connect
from backend.settings import Settings
from backend.versions.locks import is_locked

LONGEST_SOCKET_PATH = 100
"""Bytes of its path above which the supervisor puts the socket of our own Redis into a folder that only it knows."""

REDIS_PROGRAMS = ("redis-server", "valkey-server")


def examine_queue(settings: Settings) -> Iterator[Finding]:
    """A look at Redis, asked as the product asks it, and at the workers that it knows."""
    own = not settings.redis_url
    if own and len(os.fsencode(settings.embedded_redis_socket)) > LONGEST_SOCKET_PATH:
        yield skipped("Redis", "the path of DATA_DIR is long: only the running backend knows the socket of its Redis")
        return
    tried = f"wrote to {'the Redis that the backend starts itself' if own else 'the Redis of REDIS_URL'}"
    queue = TrainingQueue(settings, connect(settings.queue_url, patient=False))
    status = queue.status()
    if status is not QueueStatus.OK:
        code, found = _fault(settings, status)
        yield finding(Level.FAILED, code, "Redis", tried, found)
        yield skipped("Worker", "workers are found by way of Redis")
        return
    yield passed("Redis", tried, "it was kept")
    yield _worker(queue, settings)


def _fault(settings: Settings, status: QueueStatus) -> tuple[str, str]:
    """Code of the cause, and what came back."""
    if status is QueueStatus.READ_ONLY:
        return "redis_read_only", "it answers and refuses to write"
    if settings.redis_url:
        return "redis_down", "no answer"
    if not is_locked(settings.data_dir / "run" / "supervisor.lock"):
        return "backend_not_running", "no answer, and no backend runs with this DATA_DIR"
    if not any(shutil.which(program) for program in REDIS_PROGRAMS):
        return "redis_missing", "no answer: the backend runs, and redis-server is not installed"
    return "redis_down", "no answer, although the backend runs: run/redis.log in DATA_DIR says why"


def _worker(queue: TrainingQueue, settings: Settings) -> Finding:
    tried = f"asked Redis for the workers of the queue {settings.rq_queue_name}"
    state = queue.worker_state()
    if state is WorkerState.DOWN:
        return finding(Level.FAILED, "worker_down", "Worker", tried, "there is none")
    return passed("Worker", tried, "one waits for work" if state is WorkerState.IDLE else "one is training")

"""The queue of training runs: RQ over Redis. It carries ids, never the truth."""

from __future__ import annotations

import logging
import secrets
from enum import StrEnum

from redis import Redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry as ConnectionRetry
from rq import Queue, Retry
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.worker import Worker, WorkerStatus

from backend.settings import Settings

LOG = logging.getLogger(__name__)

TRAIN_JOB = "backend.jobs.train_job.run"
"""What a worker runs, by dotted name; nothing else is taken from the queue."""

FAILURE_TTL_S = 7 * 24 * 3600
RETRY_AFTER_S = (10, 60)
"""A run whose process died is tried again after these times, in seconds."""

_PROBE_KEY = "layoutlmv3:probe"


class QueueStatus(StrEnum):
    OK = "ok"
    DOWN = "down"
    READ_ONLY = "read-only"
    """Redis answers and refuses to write: its disk or memory is full."""


class JobState(StrEnum):
    ALIVE = "alive"
    """Waiting, at work, or to be tried again."""
    FAILED = "failed"
    """Given up by the queue."""
    GONE = "gone"
    """Ended, or lost with Redis."""


class WorkerState(StrEnum):
    IDLE = "idle"
    TRAINING = "training"
    DOWN = "down"


def connect(url: str, *, patient: bool) -> Redis:
    """A client of Redis; nothing is sent yet.

    Args:
        patient: for the worker, which waits for a Redis that restarts. The web process does not: Label Studio gives a
            webhook one second and never repeats it.
    """
    if patient:
        retry = ConnectionRetry(ExponentialBackoff(cap=5, base=0.1), 5)
        return Redis.from_url(url, socket_connect_timeout=5, socket_timeout=60, retry=retry, health_check_interval=30)
    return Redis.from_url(url, socket_connect_timeout=0.1, socket_timeout=0.2, retry=ConnectionRetry(NoBackoff(), 0))


def new_job_id(project_id: int) -> str:
    """A name for a run; RQ takes letters, digits, `_` and `-` only."""
    return f"train-{project_id}-{secrets.token_hex(6)}"


class TrainingQueue:
    """The training runs of all projects.

    Args:
        job: dotted name of the function that a worker calls with the project's number.
    """

    def __init__(self, settings: Settings, connection: Redis, job: str = TRAIN_JOB) -> None:
        self.connection = connection
        self._job = job
        self._timeout_s = settings.train_timeout_s
        self._queue = Queue(settings.rq_queue_name, connection=connection, serializer=JSONSerializer)

    def enqueue(self, project_id: int, job_id: str | None = None) -> str:
        """Queue a run of a project; its id.

        Raises:
            RedisError: the queue is down or refuses.
        """
        job = self._queue.enqueue_call(
            self._job,
            args=(project_id,),
            job_id=job_id or new_job_id(project_id),
            timeout=self._timeout_s,
            result_ttl=0,
            failure_ttl=FAILURE_TTL_S,
            retry=Retry(max=len(RETRY_AFTER_S), interval=list(RETRY_AFTER_S)),
        )
        return str(job.id)

    def state(self, job_id: str) -> JobState:
        """What the queue knows of a run.

        Raises:
            RedisError: the queue is down.
        """
        try:
            status = Job.fetch(job_id, connection=self.connection, serializer=JSONSerializer).get_status(refresh=False)
        except NoSuchJobError:
            return JobState.GONE
        if status in (JobStatus.QUEUED, JobStatus.STARTED, JobStatus.SCHEDULED, JobStatus.DEFERRED):
            return JobState.ALIVE
        return JobState.FAILED if status == JobStatus.FAILED else JobState.GONE

    def status(self) -> QueueStatus:
        """Whether runs can be queued, found out by writing."""
        try:
            self.connection.set(_PROBE_KEY, 1, ex=60)
        except (RedisConnectionError, RedisTimeoutError):
            return QueueStatus.DOWN
        except ResponseError:
            return QueueStatus.READ_ONLY
        return QueueStatus.OK

    def waiting(self) -> list[str]:
        """The entries that no worker has taken yet, the next one first; none where the queue is down."""
        try:
            return [str(entry) for entry in self._queue.get_job_ids()]
        except RedisError:
            return []

    def worker_state(self) -> WorkerState:
        """What the workers of this queue are doing.

        Redis forgets one that was silent for a minute and a half, by its own clock.
        """
        try:
            workers = Worker.all(queue=self._queue)
        except RedisError:
            return WorkerState.DOWN
        states = [worker.get_state() for worker in workers]
        if not states:
            return WorkerState.DOWN
        return WorkerState.TRAINING if WorkerStatus.BUSY in states else WorkerState.IDLE

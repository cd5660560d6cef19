"""Prelabelling in the queue of training runs.

RQ keeps an entry safe from a worker's death between taking and beginning it only for workers of a single queue, so
there is no second one of lower priority. Instead an entry does a chunk of its tasks and queues the rest behind
whatever waits: a training run never waits for more than the chunks that are at work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from redis import Redis
from rq import Queue, Retry
from rq.exceptions import DeserializationError, NoSuchJobError
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.worker import Worker

from backend.settings import Settings

CHAIN_JOB = "backend.jobs.prelabel_job.run"
BEGIN_JOB = "backend.jobs.prelabel_job.begin"
"""What a worker runs of prelabelling, by dotted name."""

RESULT_TTL_S = 24 * 3600
RETRY_AFTER_S = (10, 60)
_ALIVE = frozenset({JobStatus.QUEUED, JobStatus.STARTED, JobStatus.SCHEDULED, JobStatus.DEFERRED})


@dataclass(frozen=True, slots=True)
class Chain:
    """Tasks of a project that one version is to predict, chunk by chunk.

    Attributes:
        number: of the version.
        tasks: that are left, by ascending id.
        size: most tasks of a chunk.
        replace_older: delete the predictions of older versions.
        while_live: end when another version is live.
    """

    project_id: int
    number: int
    tasks: tuple[int, ...]
    size: int
    replace_older: bool = False
    while_live: bool = False

    @property
    def chunk(self) -> tuple[int, ...]:
        """The tasks that are next."""
        return self.tasks[: self.size]

    @property
    def rest(self) -> Chain | None:
        """What is left after the next chunk; None where that is nothing."""
        left = self.tasks[self.size :]
        return replace(self, tasks=left) if left else None

    @property
    def entry_id(self) -> str:
        """The same for the same place of the same work, so that it is not queued twice."""
        return f"prelabel-{self.project_id}-{self.number}-{self.tasks[0]}-{len(self.tasks)}"

    def to_args(self) -> tuple[int, int, list[int], int, bool, bool]:
        """As the arguments of a queue entry."""
        return self.project_id, self.number, list(self.tasks), self.size, self.replace_older, self.while_live


def chains(number: int, like: Chain, tasks: Sequence[int]) -> list[Chain]:
    """Tasks shared out among at most so many chains, each a chunk long at least, with the other facts of `like`."""
    chunks = -(-len(tasks) // like.size)
    share = -(-chunks // max(1, min(number, chunks))) * like.size if chunks else 1
    return [replace(like, tasks=tuple(tasks[at : at + share])) for at in range(0, len(tasks), share)]


def chain_of(job: Job) -> Chain | None:
    """What a queue entry asks to be prelabelled; None where it asks for anything else."""
    try:
        if job.func_name != CHAIN_JOB or job.kwargs or len(job.args) != 6:
            return None
        project_id, number, tasks, size, *flags = job.args
    except DeserializationError:
        return None
    numbers = (project_id, number, size, *tasks) if isinstance(tasks, list) and tasks else (None,)
    if not all(type(it) is int and it >= 0 for it in numbers) or not all(isinstance(it, bool) for it in flags):
        return None
    return Chain(project_id, number, tuple(tasks), max(1, size), *flags)


def asks_for_prelabelling(job: Job) -> bool:
    """Whether a worker may run a queue entry because it is one of these."""
    try:
        if job.func_name == BEGIN_JOB:
            return not job.kwargs and len(job.args) == 1 and type(job.args[0]) is int and job.args[0] >= 0
    except DeserializationError:
        return False
    return chain_of(job) is not None


@dataclass(frozen=True, slots=True)
class Ended:
    """How an entry ended.

    Attributes:
        report: what the job returned; empty where it failed or was lost.
        lost: the queue knows nothing of it, as after a Redis that lost its content.
    """

    report: Mapping[str, Any] = field(default_factory=dict)
    lost: bool = False


class PrelabelQueue:
    """The chains of all projects in the queue; raises RedisError when Redis is down."""

    def __init__(self, settings: Settings, connection: Redis) -> None:
        self._connection = connection
        self._timeout_s = settings.train_timeout_s
        self._queue = Queue(settings.rq_queue_name, connection=connection, serializer=JSONSerializer)

    def workers(self) -> int:
        """How many workers take entries from the queue."""
        return len(Worker.all(queue=self._queue))

    def add(self, chain: Chain) -> str:
        """Queue a chain, unless it is there already; the id of its entry."""
        if self._is_alive(chain.entry_id):
            return chain.entry_id
        return self._add(CHAIN_JOB, chain.to_args(), chain.entry_id)

    def add_beginning(self, project_id: int) -> None:
        """Queue that a project is looked through for its live version, unless that waits already."""
        entry_id = f"prelabel-{project_id}-begin"
        if entry_id not in self._queue.job_ids:
            self._add(BEGIN_JOB, (project_id,), entry_id)

    def unfinished(self, project_id: int) -> dict[str, Chain]:
        """By the ids of their entries the chains of a project that wait or are at work."""
        started = self._queue.started_job_registry.get_job_ids(cleanup=False)
        scheduled = self._queue.scheduled_job_registry.get_job_ids(cleanup=False)
        ids = list(dict.fromkeys((*self._queue.job_ids, *started, *scheduled)))
        jobs = Job.fetch_many(ids, connection=self._connection, serializer=JSONSerializer)
        found = {str(job.id): chain_of(job) for job in jobs if job is not None}
        return {entry_id: chain for entry_id, chain in found.items() if chain and chain.project_id == project_id}

    def forget(self, entry_id: str) -> None:
        """Take an entry out of the queue; one that is at work goes on to the end of its chunk."""
        job = self._fetch(entry_id)
        if job is not None:
            job.delete()

    def ended(self, entry_id: str) -> Ended | None:
        """How an entry ended; None while it waits or is at work."""
        job = self._fetch(entry_id)
        if job is None:
            return Ended(lost=True)
        status = job.get_status(refresh=False)
        if status in _ALIVE:
            return None
        report = job.return_value() if status == JobStatus.FINISHED else None
        return Ended(report if isinstance(report, dict) else {})

    def _is_alive(self, entry_id: str) -> bool:
        job = self._fetch(entry_id)
        return job is not None and job.get_status(refresh=False) in _ALIVE

    def _fetch(self, entry_id: str) -> Job | None:
        try:
            return Job.fetch(entry_id, connection=self._connection, serializer=JSONSerializer)
        except NoSuchJobError:
            return None

    def _add(self, function: str, args: tuple[Any, ...], entry_id: str) -> str:
        self._queue.enqueue_call(
            function,
            args=args,
            job_id=entry_id,
            timeout=self._timeout_s,
            result_ttl=RESULT_TTL_S,
            failure_ttl=RESULT_TTL_S,
            retry=Retry(max=len(RETRY_AFTER_S), interval=list(RETRY_AFTER_S)),
        )
        return entry_id

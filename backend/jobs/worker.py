"""The process that trains: takes runs from the queue, one at a time, each in a child process of its own.

The parent never imports torch. Children end with it; what a killed worker left unfinished, the next one takes up.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq import Queue
from rq.exceptions import DeserializationError, NoSuchJobError
from rq.executions import Execution, ExecutionRegistry
from rq.job import Job
from rq.scheduler import SCHEDULER_KEY_TEMPLATE, RQScheduler
from rq.serializers import JSONSerializer
from rq.utils import as_text
from rq.worker import Worker

from backend.errors import RequestError, ServiceError
from backend.jobs.parent import end_with_parent, is_running
from backend.jobs.prelabel_queue import asks_for_prelabelling
from backend.jobs.queue import TRAIN_JOB, connect
from backend.jobs.run_state import Phase, killed, read_run, write_run
from backend.jobs.watch import RunWatch
from backend.settings import Settings
from backend.versions.project import ProjectFolder

LOG = logging.getLogger(__name__)

MONITORING_INTERVAL_S = 5
"""A run whose worker sent no heartbeat for this long and 60 s more counts as abandoned."""

MAINTENANCE_INTERVAL_S = 15
WORKER_TTL_S = 25
"""RQ waits 15 s less for an entry, and then looks after its scheduler, which ends with Redis: back within 30 s."""
STOP_PATIENCE_S = 15.0
"""How long a run may take to write a checkpoint when the worker is told to end, seen every MONITORING_INTERVAL_S."""
REDIS_WAIT_S = 2.0
_JOB_ID = re.compile(rb"[A-Za-z0-9_-]+")
WORKER_KEY = f"{Worker.redis_worker_namespace_prefix}%s"


class PresentExecutions(ExecutionRegistry):
    """The executions of a queue entry; RQ raises where the record of a killed one expired before its id did."""

    def get_executions(self, start: int = 0, end: int = -1) -> list[Execution]:
        found = []
        for execution_id in self.get_execution_ids(start, end):
            with suppress(ValueError):
                found.append(Execution.fetch(execution_id, self.job_id, self.connection))
        return found


class TrainingJob(Job):
    """A queue entry that is run only if it asks for training, or for prelabelling: Redis may not name any function."""

    accepted: ClassVar[str] = TRAIN_JOB

    @property
    def project_id(self) -> int | None:
        """The project whose training it asks for; None where it asks for anything else."""
        try:
            asks = self.func_name == self.accepted and not self.kwargs and len(self.args) == 1
        except DeserializationError:
            return None
        return self.args[0] if asks and type(self.args[0]) is int else None

    def restore(self, raw_data: Any) -> None:
        try:
            super().restore(raw_data)
        except (NoSuchJobError, ValueError, TypeError, KeyError, AttributeError) as error:  # RQ would end the worker
            LOG.error("garbled queue entry removed", extra={"job": self.id, "cause": type(error).__name__})
            self.connection.delete(self.key)
            raise NoSuchJobError(self.id) from error

    @property
    def execution_registry(self) -> ExecutionRegistry:
        return PresentExecutions(self.id, connection=self.connection)

    def perform(self) -> Any:
        if self.project_id is None and not asks_for_prelabelling(self):
            raise ServiceError("unknown_job", f"the queue holds an entry for {self.func_name!r}; it is set aside")
        return super().perform()


class TrainingWorker(Worker):
    """An RQ worker that ends runs that hang, says why a run ended, and does not make a shutdown wait long for one."""

    max_connection_wait_time = 10.0  # seconds; Redis is looked for at least this often
    _ending = False
    _kill_at = float("inf")  # monotonic
    _watch: RunWatch | None = None
    _verdict = ""

    def __init__(self, settings: Settings, connection: Redis, job_class: type[TrainingJob]) -> None:
        super().__init__(
            [settings.rq_queue_name],
            connection=connection,
            serializer=JSONSerializer,
            job_class=job_class,
            job_monitoring_interval=MONITORING_INTERVAL_S,
            maintenance_interval=MAINTENANCE_INTERVAL_S,
            worker_ttl=WORKER_TTL_S,
            log_job_description=False,
        )
        self._settings = settings

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        self._verdict = ""
        self._watch = None
        folder = self._folder_of(job)
        if folder is not None:
            self._watch = RunWatch(self._settings, folder)
        elif not asks_for_prelabelling(job):
            job.retries_left = 0  # it will not ask for training the next time either; the child says so
        super().fork_work_horse(job, queue)

    def handle_warm_shutdown_request(self) -> None:
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]
        self._ending = True
        self._kill_at = time.monotonic() + STOP_PATIENCE_S
        # A child that is not yet a group of its own would take this process along.
        if self.horse_pid and os.getpgid(self.horse_pid) != os.getpgid(0):
            self.kill_horse(signal.SIGTERM)

    def maintain_heartbeats(self, job: Job) -> None:
        self._end_what_hangs(job)
        # RQ would end the worker here, and with it a run that has no need of Redis until its end.
        try:
            super().maintain_heartbeats(job)
        except RedisError as error:
            LOG.warning("no heartbeat, the run goes on", extra={"job": job.id, "cause": type(error).__name__})

    def _end_what_hangs(self, job: Job) -> None:
        if self._ending:
            if time.monotonic() > self._kill_at:
                LOG.warning("the run did not end in time, killed", extra={"job": job.id})
                self.kill_horse()
        elif self._watch is not None and not self._verdict:
            self._verdict = self._watch.verdict()
            if self._verdict:
                LOG.error("run ended from outside", extra={"job": job.id, "code": self._verdict})
                self.kill_horse()

    def set_current_job_working_time(self, current_job_working_time: float, pipeline: Pipeline | None = None) -> None:
        with suppress(RedisError):  # a figure for RQ's own dashboards; as above
            super().set_current_job_working_time(current_job_working_time, pipeline)

    def handle_work_horse_killed(self, job: Job, retpid: int, ret_val: int, rusage: object) -> None:
        super().handle_work_horse_killed(job, retpid, ret_val, rusage)  # type: ignore[no-untyped-call]
        if self._ending:
            job.retries_left = (job.retries_left or 0) + 1  # a shutdown is no failure of the run
        if self._verdict == "timeout":
            job.retries_left = 0  # it would take as long again
        folder = self._folder_of(job)
        state = None if folder is None else read_run(folder)
        if folder is not None and state is not None and state.active:
            waiting = replace(state, state=Phase.WAITING)
            write_run(folder, waiting if self._ending else killed(state, time.time(), self._verdict or "killed"))

    def _folder_of(self, job: Job) -> ProjectFolder | None:
        """Where a run of the entry notes what it does; None for an entry that asks for no training."""
        project_id = job.project_id if isinstance(job, TrainingJob) else None
        with suppress(RequestError):  # no number that a project can have
            return None if project_id is None else ProjectFolder(self._settings.data_dir, project_id)
        return None


def work(settings: Settings, job_class: type[TrainingJob] = TrainingJob) -> None:
    """Train what is queued until SIGTERM or SIGINT.

    Raises:
        ServiceError: `queue_down`: Redis went away in an unlucky moment; to be started again.
    """
    connection = connect(settings.queue_url, patient=True)
    _wait_for_redis(connection)
    _tie_children()
    try:
        worker = TrainingWorker(settings, connection, job_class)
        set_garbage_aside(worker.queues[0])
        recover(worker.queues[0])
        worker.work(logging_level=settings.log_level, with_scheduler=True)
    except RedisError as error:
        raise ServiceError("queue_down", "the worker lost its queue", "see that Redis runs") from error


def recover(queue: Queue) -> None:
    """Give back to the queue what workers of this machine held when they were killed.

    Without this RQ waits until their heartbeats are too old, more than a minute. Workers of other machines are left to
    that.
    """
    registry = queue.started_job_registry
    for job_id, execution_id in registry.get_job_and_execution_ids(cleanup=False):
        execution = Execution(execution_id, job_id, queue.connection)
        worker_name = queue.connection.hget(execution.key, "worker_name")
        if worker_name is not None and _is_dead(queue.connection, WORKER_KEY % as_text(worker_name)):
            LOG.warning("run of a killed worker given back", extra={"job": job_id})
            queue.connection.zadd(registry.key, {execution.composite_key: 1}, xx=True)  # expired since 1970
    registry.cleanup()
    lock = RQScheduler.get_locking_key(queue.name)
    scheduler = queue.connection.get(lock)
    if scheduler is not None and _is_dead(queue.connection, SCHEDULER_KEY_TEMPLATE % as_text(scheduler)):
        queue.connection.delete(lock)  # else no run is tried again for a minute


def set_garbage_aside(queue: Queue) -> None:
    """Take entries out of the queue that cannot be ids of jobs: RQ ends when it meets one, again at each start."""
    for key in (queue.key, queue.intermediate_queue_key):
        for entry in queue.connection.lrange(key, 0, -1):
            if not _JOB_ID.fullmatch(entry if isinstance(entry, bytes) else entry.encode()):
                LOG.error("garbled queue entry set aside", extra={"entry": repr(entry[:40])})
                queue.connection.lrem(key, 0, entry)  # type: ignore[arg-type] # typed for text, takes bytes


def _is_dead(connection: Redis, key: str) -> bool:
    """Whether the process that registered itself under a key is known to be gone: here, or by its silence."""
    hostname, pid = connection.hmget(key, "hostname", "pid")
    if hostname is None or pid is None:
        return True  # never registered, or silent for so long that Redis forgot it
    if as_text(hostname) != socket.gethostname():
        return False
    # Our own number is that of an earlier process: this one has registered nothing yet.
    return int(pid) == os.getpid() or not is_running(int(pid))


def _wait_for_redis(connection: Redis) -> None:
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: sys.exit(0))
    said = False
    while True:
        try:
            connection.ping()
            return
        except RedisError as error:
            if not said:
                LOG.warning("waiting for Redis", extra={"cause": type(error).__name__})
            said = True
            time.sleep(REDIS_WAIT_S)


def _tie_children() -> None:
    """Let the children of this process, not theirs, end with it: an orphan would train beside its successor."""
    parent = os.getpid()
    tied = False

    def tie() -> None:
        nonlocal tied
        if not tied:
            tied = True
            end_with_parent(parent)

    os.register_at_fork(after_in_child=tie)

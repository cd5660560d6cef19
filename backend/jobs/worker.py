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
from rq.executions import Execution
from rq.job import Job
from rq.scheduler import SCHEDULER_KEY_TEMPLATE, RQScheduler
from rq.serializers import JSONSerializer
from rq.utils import as_text
from rq.worker import Worker

from backend.errors import ServiceError
from backend.jobs.parent import end_with_parent, is_running
from backend.jobs.queue import TRAIN_JOB, connect
from backend.jobs.run_state import Phase, killed, read_run, write_run
from backend.settings import Settings
from backend.versions.project import ProjectFolder

LOG = logging.getLogger(__name__)

MONITORING_INTERVAL_S = 5
"""A run whose worker sent no heartbeat for this long and 60 s more counts as abandoned."""

MAINTENANCE_INTERVAL_S = 15
WORKER_TTL_S = 60
REDIS_WAIT_S = 2.0
_JOB_ID = re.compile(rb"[A-Za-z0-9_-]+")
WORKER_KEY = f"{Worker.redis_worker_namespace_prefix}%s"


class TrainingJob(Job):
    """A queue entry that is run only if it asks for training: Redis is not trusted to name any function."""

    accepted: ClassVar[str] = TRAIN_JOB

    def perform(self) -> Any:
        if self.func_name != self.accepted:
            raise ServiceError("unknown_job", f"the queue holds an entry for {self.func_name!r}; it is set aside")
        return super().perform()


class TrainingWorker(Worker):
    """An RQ worker that says why a run ended, and does not make a shutdown wait for one."""

    max_connection_wait_time = 10.0  # seconds; Redis is looked for at least this often
    _ending = False

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

    def handle_warm_shutdown_request(self) -> None:
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]
        self._ending = True
        # A child that is not yet a group of its own would take this process along.
        if self.horse_pid and os.getpgid(self.horse_pid) != os.getpgid(0):
            self.kill_horse()

    def maintain_heartbeats(self, job: Job) -> None:
        # RQ would end the worker here, and with it a run that has no need of Redis until its end.
        try:
            super().maintain_heartbeats(job)
        except RedisError as error:
            LOG.warning("no heartbeat, the run goes on", extra={"job": job.id, "cause": type(error).__name__})

    def set_current_job_working_time(self, current_job_working_time: float, pipeline: Pipeline | None = None) -> None:
        with suppress(RedisError):  # a figure for RQ's own dashboards; as above
            super().set_current_job_working_time(current_job_working_time, pipeline)

    def handle_work_horse_killed(self, job: Job, retpid: int, ret_val: int, rusage: object) -> None:
        super().handle_work_horse_killed(job, retpid, ret_val, rusage)  # type: ignore[no-untyped-call]
        if self._ending:
            job.retries_left = (job.retries_left or 0) + 1  # a shutdown is no failure of the run
        folder = ProjectFolder(self._settings.data_dir, job.args[0])
        state = read_run(folder)
        if state is not None and state.active:
            write_run(folder, replace(state, state=Phase.WAITING) if self._ending else killed(state, time.time()))


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

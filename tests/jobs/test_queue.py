from __future__ import annotations

import json
import os
import re
import signal
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError, ResponseError
from rq import Queue
from rq.job import Job

from backend.jobs.queue import JobState, QueueStatus, TrainingQueue, WorkerState, connect, new_job_id
from tests.conftest import SettingsFactory


@pytest.fixture
def queue(make_settings: SettingsFactory, redis_url: str) -> TrainingQueue:
    return TrainingQueue(make_settings(TRAIN_TIMEOUT_S="1234"), connect(redis_url, patient=False))


def test_a_run_is_queued_as_json_that_holds_an_id_and_nothing_else(queue: TrainingQueue, redis_url: str) -> None:
    job_id = queue.enqueue(3)
    with Redis.from_url(redis_url) as client:
        stored = client.hgetall(f"rq:job:{job_id}")
    job = Job.fetch(job_id, connection=queue.connection, serializer="json")
    assert json.loads(zlib.decompress(stored[b"data"])) == ["backend.jobs.train_job.run", None, [3], {}]
    assert (job.timeout, job.result_ttl, job.failure_ttl) == (1234, 0, 7 * 24 * 3600)
    assert (job.retries_left, job.retry_intervals) == (2, [10, 60])


def test_a_job_id_is_one_that_rq_takes_and_never_the_same(queue: TrainingQueue) -> None:
    ids = {new_job_id(3) for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"train-3-[a-z0-9]+", job_id) for job_id in ids)


def test_a_run_is_alive_while_it_waits_and_gone_with_redis(queue: TrainingQueue) -> None:
    job_id = queue.enqueue(3)
    assert queue.state(job_id) is JobState.ALIVE
    queue.connection.flushall()
    assert queue.state(job_id) is JobState.GONE


def test_what_waits_is_told_in_its_order(queue: TrainingQueue, make_settings: SettingsFactory, tmp_path: Path) -> None:
    assert queue.waiting() == []
    queued = [queue.enqueue(project) for project in (3, 1, 2)]
    assert queue.waiting() == queued
    assert TrainingQueue(make_settings(), connect(f"unix://{tmp_path}/none.sock", patient=False)).waiting() == []


def test_a_run_that_was_given_up_is_failed(queue: TrainingQueue) -> None:
    job_id = queue.enqueue(3)
    Job.fetch(job_id, connection=queue.connection, serializer="json").set_status("failed")  # type: ignore[arg-type]
    assert queue.state(job_id) is JobState.FAILED


def test_FA03_a_dead_redis_costs_the_web_process_no_time(make_settings: SettingsFactory, tmp_path: Path) -> None:
    queue = TrainingQueue(make_settings(), connect(f"unix://{tmp_path}/none.sock", patient=False))
    started = time.monotonic()
    assert queue.status() is QueueStatus.DOWN
    assert queue.worker_state() is WorkerState.DOWN
    with pytest.raises(RedisError):
        queue.enqueue(3)
    assert time.monotonic() - started < 0.15


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_FA03_a_redis_that_hangs_costs_the_web_process_a_fifth_of_a_second(queue: TrainingQueue) -> None:
    pid = queue.connection.info()["process_id"]  # type: ignore[index]
    with stopped(pid):
        started = time.monotonic()
        assert queue.status() is QueueStatus.DOWN
        assert time.monotonic() - started < 0.5
    assert queue.status() is QueueStatus.OK


def test_FA08_a_redis_with_no_room_is_read_only_and_keeps_what_waits(queue: TrainingQueue) -> None:
    job_id = queue.enqueue(3)
    assert queue.status() is QueueStatus.OK
    queue.connection.config_set("maxmemory", "1")
    try:
        assert queue.status() is QueueStatus.READ_ONLY
        with pytest.raises(ResponseError):
            queue.enqueue(3)
        assert queue.state(job_id) is JobState.ALIVE
    finally:
        queue.connection.config_set("maxmemory", "0")
    assert queue.status() is QueueStatus.OK


def test_without_workers_the_worker_is_down(queue: TrainingQueue) -> None:
    assert queue.worker_state() is WorkerState.DOWN


def test_a_failed_run_does_not_keep_the_next_from_being_queued(queue: TrainingQueue) -> None:
    first = queue.enqueue(3)
    Job.fetch(first, connection=queue.connection, serializer="json").set_status("failed")  # type: ignore[arg-type]
    second = queue.enqueue(3)
    assert queue.state(second) is JobState.ALIVE
    assert Queue("training", connection=queue.connection).job_ids == [first, second]

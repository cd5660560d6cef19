"""Chains of prelabelling in a real Redis: shared out, taken up again, followed, and run by a real worker."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from redis import Redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from backend.jobs.prelabel_queue import (
    BEGIN_JOB,
    CHAIN_JOB,
    Chain,
    PrelabelQueue,
    asks_for_prelabelling,
    chain_of,
    chains,
)
from backend.jobs.queue import TrainingQueue, connect
from backend.settings import Settings
from tests.conftest import SettingsFactory
from tests.waiting import wait_until

LIKE = Chain(3, 2, (), 10)


@pytest.fixture
def settings(make_settings: SettingsFactory, redis_url: str) -> Settings:
    return make_settings(REDIS_URL=redis_url)


@pytest.fixture
def connection(settings: Settings) -> Redis:
    return connect(settings.queue_url, patient=True)


@pytest.fixture
def queue(settings: Settings, connection: Redis) -> PrelabelQueue:
    return PrelabelQueue(settings, connection)


@pytest.mark.parametrize(
    ("number", "tasks", "lengths"),
    [(1, 25, [25]), (2, 25, [20, 5]), (4, 25, [10, 10, 5]), (2, 5, [5]), (3, 0, []), (0, 12, [12])],
)
def test_tasks_are_shared_out_in_whole_chunks(number: int, tasks: int, lengths: list[int]) -> None:
    shared = chains(number, LIKE, range(1, tasks + 1))
    assert [len(chain.tasks) for chain in shared] == lengths
    assert [task for chain in shared for task in chain.tasks] == list(range(1, tasks + 1))


def test_a_chain_gets_shorter_by_a_chunk_at_a_time() -> None:
    chain = replace(LIKE, tasks=tuple(range(1, 26)))
    assert chain.chunk == tuple(range(1, 11))
    assert chain.rest is not None
    assert chain.rest.chunk == tuple(range(11, 21))
    assert replace(chain, tasks=(1, 2)).rest is None


def test_the_same_work_is_not_queued_twice_and_is_found_again(queue: PrelabelQueue) -> None:
    chain = replace(LIKE, tasks=(1, 2, 3))
    entry = queue.add(chain)
    assert queue.add(chain) == entry
    queue.add(replace(chain, project_id=4))
    assert queue.unfinished(3) == {entry: chain}
    assert queue.ended(entry) is None
    queue.forget(entry)
    assert queue.unfinished(3) == {}
    assert (ended := queue.ended(entry)) is not None
    assert ended.lost


def test_a_project_waits_to_be_looked_through_once(queue: PrelabelQueue, settings: Settings, connection: Redis) -> None:
    queue.add_beginning(3)
    queue.add_beginning(3)
    queue.add_beginning(4)
    assert len(Queue(settings.rq_queue_name, connection=connection, serializer=JSONSerializer).job_ids) == 2
    assert queue.unfinished(3) == {}


def test_a_training_run_waits_for_no_more_than_one_chunk(
    queue: PrelabelQueue, settings: Settings, connection: Redis
) -> None:
    first = queue.add(replace(LIKE, tasks=tuple(range(1, 26))))
    run = TrainingQueue(settings, connection).enqueue(5)
    waiting = Queue(settings.rq_queue_name, connection=connection, serializer=JSONSerializer)
    assert waiting.job_ids == [first, run]
    waiting.remove(first)  # a worker takes it, and when the chunk is done the rest goes behind the run
    rest = queue.add(replace(LIKE, tasks=tuple(range(11, 26))))
    assert waiting.job_ids == [run, rest]


@pytest.mark.parametrize(
    ("function", "args", "allowed"),
    [
        (CHAIN_JOB, (3, 2, [1, 2], 10, False, True), True),
        (CHAIN_JOB, (3, 2, [], 10, False, True), False),
        (CHAIN_JOB, (3, 2, ["../x"], 10, False, True), False),
        (CHAIN_JOB, (3, -2, [1], 10, False, True), False),
        (CHAIN_JOB, (3, 2, [1], 10, 0, 1), False),
        (CHAIN_JOB, (3, 2, [1]), False),
        (BEGIN_JOB, (3,), True),
        (BEGIN_JOB, ("3",), False),
        ("pathlib.Path.touch", (3,), False),
    ],
)
def test_only_entries_of_the_right_form_are_run(
    connection: Redis, function: str, args: tuple[object, ...], allowed: bool
) -> None:
    job = Job.create(function, args=args, connection=connection, serializer=JSONSerializer)
    assert asks_for_prelabelling(job) is allowed
    assert (chain_of(job) is not None) is (allowed and function == CHAIN_JOB)


@pytest.mark.slow
def test_a_worker_ends_a_chain_that_it_cannot_begin_with_its_reason(settings: Settings, queue: PrelabelQueue) -> None:
    entry = queue.add(replace(LIKE, tasks=(1, 2)))
    environ = {"DATA_DIR": str(settings.data_dir), "REDIS_URL": settings.redis_url, "PATH": "/usr/bin:/bin"}
    with subprocess.Popen([sys.executable, "-m", "backend", "--quiet", "worker"], env=environ) as worker:
        try:
            wait_until(lambda: queue.ended(entry) is not None, 120, "the chunk ended")
        finally:
            worker.terminate()
    ended = queue.ended(entry)
    assert ended is not None
    assert ended.report["error"]["code"] == "label_studio_unknown"

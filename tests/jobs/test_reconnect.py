"""Redis goes away for a while: dispatcher, worker and scheduler find it again by themselves."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rq import Queue

from backend.jobs.changes import note_change, note_start
from backend.jobs.dispatcher import Dispatcher
from backend.jobs.queue import QueueStatus, TrainingQueue, WorkerState, connect
from backend.settings import Settings, load_settings
from backend.versions.project import ProjectFolder
from tests.jobs.stand_in import JOB, told
from tests.own_redis import OwnRedis, own_redis
from tests.waiting import wait_until

BACK_S = 30.0
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@contextmanager
def worker(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    environ = {"DATA_DIR": str(settings.data_dir), "REDIS_URL": settings.redis_url, "TRAIN_QUIET_S": "0"}
    command = [sys.executable, "-m", "tests.jobs.stand_in"]
    with subprocess.Popen(command, env={**os.environ, **environ}) as started:
        try:
            yield started
        finally:
            started.kill()


def away(redis: OwnRedis, outage_s: float) -> None:
    redis.kill()
    time.sleep(outage_s)
    redis.start()


@pytest.mark.parametrize("outage_s", [0.5, pytest.param(40.0, marks=pytest.mark.slow)])
def test_FA05_dispatcher_worker_and_scheduler_are_back_within_half_a_minute(tmp_path: Path, outage_s: float) -> None:
    with own_redis(tmp_path) as redis:
        settings = load_settings(
            {"DATA_DIR": str(tmp_path / "data"), "REDIS_URL": redis.url, "TRAIN_QUIET_S": "0", "RECONCILE_S": "3600"}
        )
        queue = TrainingQueue(settings, connect(redis.url, patient=False), JOB)
        dispatcher = Dispatcher(settings, queue)
        first, second = (ProjectFolder(settings.data_dir, number) for number in (3, 4))
        with worker(settings) as started:
            wait_until(lambda: queue.worker_state() is WorkerState.IDLE, 30, "the worker is up")
            dispatcher.start()
            away(redis, outage_s)
            back = time.monotonic()
            note_change(first)
            note_start(first)
            wait_until(lambda: told(first).count("end") == 1, BACK_S, "dispatcher and worker are back")
            assert dispatcher.queue_status is QueueStatus.OK
            second.path.mkdir(parents=True)
            note_change(second)
            later = Queue(settings.rq_queue_name, connection=connect(redis.url, patient=True), serializer="json")
            later.enqueue_at(LONG_AGO, JOB, 4)
            left_s = max(1.0, BACK_S - (time.monotonic() - back))
            wait_until(lambda: told(second).count("end") == 1, left_s, "the scheduler is back")
            print(f"all back {time.monotonic() - back:.1f} s after Redis")
            assert started.poll() is None
        dispatcher.stop()

"""What else may stand in the queue: entries of older releases, garbled ones, and ones that somebody planted."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer

from backend.jobs.changes import note_change, note_job
from backend.jobs.queue import TrainingQueue, connect
from backend.jobs.worker import TrainingJob
from backend.settings import Settings
from backend.versions.project import ProjectFolder
from tests.conftest import SettingsFactory
from tests.jobs.stand_in import JOB, told
from tests.waiting import wait_until


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return open, (str(self.mark), "w")


def entries(mark: Path) -> dict[str, dict[str, bytes | None]]:
    """By name the fields of a job that are other than in a good one; None for a field that is missing."""
    return {
        "older release": {"data": zlib.compress(b'["backend.train.run_training", null, ["3"], {}]')},
        "foreign function": {"data": zlib.compress(b'["pathlib.Path.touch", null, ["%s"], {}]' % bytes(mark))},
        "argument that is a path": {"data": zlib.compress(b'["%s", null, ["../../x"], {}]' % JOB.encode())},
        "no arguments": {"data": zlib.compress(b'["%s", null, [], {}]' % JOB.encode())},
        "too many arguments": {"data": zlib.compress(b'["%s", null, [3, {"a": 1}], {"b": 2}]' % JOB.encode())},
        "a number that no project has": {"data": zlib.compress(b'["%s", null, [-3], {}]' % JOB.encode())},
        "no JSON": {"data": zlib.compress(b"\x00garbled")},
        "not compressed": {"data": b"\xff\xfe garbled"},
        "pickle": {"data": pickle.dumps(Bomb(mark))},
        "compressed pickle": {"data": zlib.compress(pickle.dumps(Bomb(mark)))},
        "no content": {"data": None},
        "no time": {"created_at": None, "enqueued_at": b"never"},
    }


@pytest.fixture
def settings(make_settings: SettingsFactory, redis_url: str) -> Settings:
    return make_settings(REDIS_URL=redis_url)


@pytest.fixture
def worker(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    environ = {"DATA_DIR": str(settings.data_dir), "REDIS_URL": settings.redis_url, "TRAIN_QUIET_S": "0"}
    log = settings.data_dir.parent / "log.txt"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "tests.jobs.stand_in"], env={**os.environ, **environ}, stderr=output
        ) as started,
    ):
        yield started
        started.kill()


def plant(connection: Redis, queue: TrainingQueue, fields: dict[str, bytes | None]) -> str:
    """A queue entry like a good one but for some fields; its id."""
    job = queue.enqueue(4)
    for name, content in fields.items():
        if content is None:
            connection.hdel(f"rq:job:{job}", name)
        else:
            connection.hset(f"rq:job:{job}", name, content)  # type: ignore[arg-type] # typed for text, takes bytes
    return job


def test_FA44_entries_that_are_no_training_are_set_aside_and_logged_and_the_worker_goes_on(
    settings: Settings, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    connection = connect(settings.redis_url, patient=False)
    queue = TrainingQueue(settings, connection, JOB)
    mark = tmp_path / "mark"
    planted = {name: plant(connection, queue, fields) for name, fields in entries(mark).items()}
    folder = ProjectFolder(settings.data_dir, 3)
    note_change(folder)
    note_job(folder, queue.enqueue(3))
    worker: subprocess.Popen[bytes] = request.getfixturevalue("worker")
    wait_until(lambda: told(folder)[-1:] == ["end"] or worker.poll() is not None, 60, "the training behind is done")
    assert worker.poll() is None, "the same worker goes on"
    assert not mark.exists(), "nothing of it was ever executed"
    assert not (settings.data_dir / "projects" / "4").exists() or told(ProjectFolder(settings.data_dir, 4)) == []
    assert Queue("training", connection=connection).job_ids == []
    log = (settings.data_dir.parent / "log.txt").read_text()
    set_aside = FailedJobRegistry("training", connection=connection).get_job_ids()
    for name, job in planted.items():
        assert job in log, f"{name} is logged"
        assert job in set_aside or not connection.exists(f"rq:job:{job}"), f"{name} is set aside"


def test_FA11_an_execution_whose_record_expired_fails_no_run_that_ended_well(settings: Settings) -> None:
    connection = connect(settings.redis_url, patient=False)
    job_id = TrainingQueue(settings, connection).enqueue(3)
    connection.zadd(f"rq:executions:{job_id}", {"of-a-killed-worker": time.time() + 600})
    job = TrainingJob.fetch(job_id, connection=connection, serializer=JSONSerializer)
    assert job.get_executions() == []
    job.delete()  # what RQ does behind a run that ended well
    assert not connection.exists(f"rq:job:{job_id}")

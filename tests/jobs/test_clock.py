"""Clocks that jump by a day, in real processes (tests/faked_clock.py); others are set in test_changes.py."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from backend.jobs.changes import note_change, note_job, read_changes
from backend.jobs.queue import TrainingQueue, WorkerState, connect
from backend.settings import load_settings
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.faked_clock import DAY_S, FakedClock
from tests.jobs.stand_in import JOB, told
from tests.own_redis import own_redis
from tests.waiting import wait_until

PUBLISH = """
import sys
from pathlib import Path
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
store = VersionStore(ProjectFolder(Path(sys.argv[1]), 3))
with store.stage() as staged:
    (staged / "weights.safetensors").write_bytes(b"w")
    store.promote(store.publish(staged, {}), "test")
"""


def test_FA29_versions_are_numbered_and_ordered_by_a_counter_whatever_the_clock_says(tmp_path: Path) -> None:
    clock = FakedClock(tmp_path)
    for jump_s in (0, DAY_S, -DAY_S, 0):
        clock.jump(jump_s)
        subprocess.run([sys.executable, "-c", PUBLISH, str(tmp_path)], env={**os.environ, **clock.environ}, check=True)
    store = VersionStore(ProjectFolder(tmp_path, 3))
    made = [datetime.fromisoformat(store.manifest(number)["created"]).timestamp() for number in store.numbers()]
    assert made[2] < made[0] < made[1], "the clock did jump"
    assert store.numbers() == [1, 2, 3, 4]
    assert store.current() == 4
    assert [line["version"] for line in store.history()] == [1, 2, 3, 4]
    assert store.rollback("test") == 3


def test_FA29_runs_go_on_when_the_clock_of_worker_and_redis_jumps(tmp_path: Path) -> None:
    """Our own clock stays, as that of another machine does."""
    clock = FakedClock(tmp_path)
    with own_redis(tmp_path, clock.environ) as redis:
        settings = load_settings({"DATA_DIR": str(tmp_path / "data"), "REDIS_URL": redis.url})
        queue = TrainingQueue(settings, connect(redis.url, patient=False), JOB)
        folder = ProjectFolder(settings.data_dir, 3)
        environ = {"DATA_DIR": str(settings.data_dir), "REDIS_URL": redis.url, "TRAIN_QUIET_S": "0"}
        command = [sys.executable, "-m", "tests.jobs.stand_in"]
        with subprocess.Popen(command, env={**os.environ, **clock.environ, **environ}) as worker:
            try:
                for jump_s in (0, DAY_S, -DAY_S, 0):
                    clock.jump(jump_s)
                    train_once(queue, folder, jump_s)
                    assert worker.poll() is None
            finally:
                worker.kill()


def train_once(queue: TrainingQueue, folder: ProjectFolder, jump_s: int) -> None:
    """A change is trained on and noted so, and the worker is known to live, with the clock so far ahead."""
    done = told(folder).count("end")
    note_change(folder, lambda: time.time() + jump_s)
    note_job(folder, queue.enqueue(3))
    wait_until(lambda: told(folder).count("end") > done, 40, f"a run with the clock at {jump_s:+d} s")
    wait_until(lambda: not read_changes(folder).pending, 20, "it is noted")
    wait_until(lambda: queue.worker_state() is not WorkerState.DOWN, 60, "the worker is known to live")

"""Real workers, real Redis, real kills; only the training itself is a stand-in."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from rq import Queue
from rq.job import Job
from rq.registry import FailedJobRegistry

from backend.jobs.changes import note_change, note_job, note_start, read_changes
from backend.jobs.dispatcher import Dispatcher
from backend.jobs.queue import JobState, QueueStatus, TrainingQueue, WorkerState, connect
from backend.jobs.run_state import Phase, read_run
from backend.settings import Settings
from backend.supervise.redis_server import RedisServer, find_program
from backend.versions.locks import is_locked
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.conftest import SettingsFactory
from tests.jobs.slow_fit import STEPS
from tests.jobs.stand_in import JOB, told
from tests.supervise.processes import is_alive
from tests.tiny_model import save_tiny_base
from tests.waiting import wait_until


def start_worker(settings: Settings) -> subprocess.Popen[bytes]:
    environ = {"DATA_DIR": str(settings.data_dir), "REDIS_URL": settings.redis_url, "TRAIN_QUIET_S": "0"}
    environ |= {"TRAIN_TIMEOUT_S": str(settings.train_timeout_s), "TRAIN_STALL_S": str(settings.train_stall_s)}
    return subprocess.Popen([sys.executable, "-m", "tests.jobs.stand_in"], env={**os.environ, **environ})


class Plant:
    """Workers of one queue, and runs to give them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.redis = connect(settings.redis_url, patient=False)
        self.queue = TrainingQueue(settings, self.redis, JOB)
        self.folder = ProjectFolder(settings.data_dir, 3)
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        worker = start_worker(self.settings)
        self.workers.append(worker)
        return worker

    def plan(self, *steps: str) -> None:
        self.folder.path.mkdir(parents=True, exist_ok=True)
        (self.folder.path / "plan.json").write_text(json.dumps(steps))

    def enqueue(self) -> str:
        note_change(self.folder)
        job = self.queue.enqueue(3)
        note_job(self.folder, job)
        return job

    def begun(self, count: int = 1) -> bool:
        return len(self.pids) >= count

    @property
    def pids(self) -> list[int]:
        """Of the runs that began, oldest first."""
        return [int(line.split()[1]) for line in told(self.folder) if line.startswith("begin")]

    def phase(self) -> Phase | None:
        run = read_run(self.folder)
        return run.state if run else None

    def hurry(self) -> None:
        """Let the times of runs that are to be tried again be over."""
        key = f"rq:scheduled:{self.settings.rq_queue_name}"
        for job in self.redis.zrange(key, 0, -1):
            self.redis.zadd(key, {job: 1}, xx=True)  # not one that the scheduler has just taken

    def hurry_until_changed(self) -> None:
        """Until the run is in another phase than now."""
        now = self.phase()

        def changed() -> bool:
            self.hurry()
            return self.phase() is not now

        wait_until(changed, 20, "the run is tried again")

    def hurry_until(self, phase: Phase, within_s: float) -> None:
        def reached() -> bool:
            self.hurry()
            return self.phase() is phase

        wait_until(reached, within_s, f"the run is {phase}")


@contextmanager
def planted(settings: Settings) -> Iterator[Plant]:
    """A plant whose workers are ended behind the block."""
    made = Plant(settings)
    try:
        yield made
    finally:
        for worker in made.workers:
            worker.kill()
            worker.wait()


@pytest.fixture
def plant(make_settings: SettingsFactory, redis_url: str) -> Iterator[Plant]:
    with planted(make_settings(REDIS_URL=redis_url)) as made:
        yield made


def test_a_worker_trains_what_is_queued_and_ends_cleanly(plant: Plant) -> None:
    worker = plant.start()
    job = plant.enqueue()
    wait_until(lambda: plant.phase() is Phase.SUCCEEDED, 20, "the run succeeds")
    wait_until(lambda: plant.queue.worker_state() is WorkerState.IDLE, 20, "the worker is idle")
    changes = read_changes(plant.folder)
    assert not changes.pending
    assert changes.job == ""
    run = read_run(plant.folder)
    assert run is not None
    assert run.job == job
    worker.terminate()
    assert worker.wait(10) == 0
    assert plant.queue.worker_state() is WorkerState.DOWN


def test_FA09_a_killed_run_says_so_and_is_tried_twice_more(plant: Plant) -> None:
    plant.plan("die", "hang", "die", "succeed")
    plant.start()
    plant.enqueue()
    wait_until(lambda: plant.phase() is Phase.FAILED, 20, "the kill is reported")
    run = read_run(plant.folder)
    assert run is not None
    assert run.code == "killed"
    plant.hurry_until(Phase.RUNNING, 10)
    assert plant.queue.worker_state() is WorkerState.TRAINING
    wait_until(lambda: plant.begun(2), 20, "the second try is under way")
    os.kill(plant.pids[1], signal.SIGKILL)
    wait_until(lambda: plant.phase() is Phase.FAILED, 20, "the second kill is reported")

    def given_up() -> bool:
        plant.hurry()
        return plant.queue.state(read_changes(plant.folder).job) is JobState.FAILED

    wait_until(given_up, 20, "after the third kill it is given up")
    assert len(plant.pids) == 3
    dispatcher = Dispatcher(plant.settings, plant.queue)
    dispatcher.tick()
    assert plant.redis.llen("rq:queue:training") == 0
    assert read_changes(plant.folder).pending, "the change is not forgotten"
    assert read_changes(plant.folder).job == ""
    note_start(plant.folder)
    dispatcher.tick()
    wait_until(lambda: plant.phase() is Phase.SUCCEEDED, 20, "asked for by hand it is trained")
    dispatcher.stop()


def test_FA09_a_real_fit_that_is_killed_goes_on_from_its_last_checkpoint_and_the_version_before_is_served(
    learning: Plant,
) -> None:
    store = VersionStore(learning.folder)
    with store.stage() as staged:
        (staged / "model").write_text("weights")
        live = store.publish(staged, {})
    store.promote(live, "first")
    learning.plan("learn", "learn")
    learning.start()
    learning.enqueue()
    wait_until(lambda: whole_checkpoints(learning), 180, "a checkpoint is written")
    os.kill(learning.pids[0], signal.SIGKILL)
    wait_until(lambda: learning.phase() is Phase.FAILED, 20, "the kill is reported")
    assert store.servable() == live
    kept = [step_of(path) for path in whole_checkpoints(learning)]
    learning.hurry_until(Phase.SUCCEEDED, 180)
    assert steps_of_run(learning, 1)[0] in [step + 1 for step in kept]
    assert steps_of_run(learning, 1)[-1] == STEPS
    assert not learning.folder.runs.exists(), "what is published needs no checkpoint"
    assert store.servable() == live


def test_FA42_a_real_fit_that_is_told_to_end_writes_a_checkpoint_and_goes_on_behind_it(learning: Plant) -> None:
    learning.plan("learn", "learn")
    worker = learning.start()
    job = learning.enqueue()
    wait_until(lambda: len(steps_of_run(learning, 0)) > 5, 180, "the fit is under way")
    began = time.monotonic()
    worker.terminate()
    assert worker.wait(40) == 0
    assert time.monotonic() - began < 40
    assert learning.phase() is Phase.WAITING
    last = steps_of_run(learning, 0)[-1]
    assert step_of(whole_checkpoints(learning)[-1]) == last
    assert learning.queue.state(job) is JobState.ALIVE
    assert Job.fetch(job, connection=learning.redis, serializer="json").retries_left == 2, "no try is used up"
    learning.start()
    learning.hurry_until(Phase.SUCCEEDED, 180)
    assert steps_of_run(learning, 1) == list(range(last + 1, STEPS + 1))


@pytest.fixture
def learning(plant: Plant) -> Plant:
    """Workers whose runs may fit a real, tiny model."""
    save_tiny_base(plant.settings.data_dir / "tiny")
    return plant


def whole_checkpoints(plant: Plant) -> list[Path]:
    """The checkpoints that count, by their steps."""
    return sorted((path.parent for path in plant.folder.runs.glob("*/checkpoint-*/complete.json")), key=step_of)


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.split("-")[1])


def steps_of_run(plant: Plant, number: int) -> list[int]:
    """The steps of a real fit that a run did, the first run being 0."""
    runs: list[list[int]] = []
    for line in told(plant.folder):
        if line.startswith("begin"):
            runs.append([])
        elif line.startswith("step"):
            runs[-1].append(int(line.split()[1]))
    return runs[number] if number < len(runs) else []


def test_FA40_a_run_without_progress_is_ended_and_tried_again_and_then_reported(
    make_settings: SettingsFactory, redis_url: str
) -> None:
    with planted(make_settings(REDIS_URL=redis_url, TRAIN_STALL_S="1")) as plant:
        plant.plan("spin", "hang", "succeed")  # in native code, and in Python
        plant.start()
        plant.enqueue()
        for count in (1, 2):
            wait_until(lambda count=count: plant.begun(count), 30, "the run begins")  # type: ignore[misc]
            wait_until(lambda: plant.phase() is Phase.FAILED, 40, "the run is ended")
            assert not is_alive(plant.pids[count - 1])
            run = read_run(plant.folder)
            assert run is not None
            assert run.code == "stalled"
            plant.hurry_until_changed()
        plant.hurry_until(Phase.SUCCEEDED, 30)
        assert not read_changes(plant.folder).pending


@pytest.mark.parametrize("how", ["hang", pytest.param("spin", marks=pytest.mark.slow)])
def test_FA40_a_run_that_takes_too_long_is_ended_and_not_tried_again(
    make_settings: SettingsFactory, redis_url: str, how: str
) -> None:
    with planted(make_settings(REDIS_URL=redis_url, TRAIN_TIMEOUT_S="10")) as plant:
        plant.plan(how)
        plant.start()
        job = plant.enqueue()
        wait_until(lambda: plant.phase() is Phase.FAILED, 60, "the run is ended")
        run = read_run(plant.folder)
        assert run is not None
        assert run.code == "timeout"
        wait_until(lambda: plant.queue.state(job) is not JobState.ALIVE, 20, "it is not tried again")
        dispatcher = Dispatcher(plant.settings, plant.queue, clock=lambda: time.time() + 10_000)
        dispatcher.tick()
        dispatcher.tick()
        dispatcher.stop()
        assert plant.redis.llen("rq:queue:training") == 0
        assert len(plant.pids) == 1
        assert read_changes(plant.folder).pending, "the change is not forgotten"


def test_AN20_what_is_annotated_during_a_run_is_learnt_by_one_that_follows_it(plant: Plant) -> None:
    plant.plan("wait", "succeed")
    plant.start()
    plant.enqueue()
    wait_until(plant.begun, 20, "the run begins")
    dispatcher = Dispatcher(plant.settings, plant.queue, clock=lambda: time.time() + 100)
    for _ in range(3):
        note_change(plant.folder)
        dispatcher.tick()
    assert len(plant.pids) == 1
    (plant.folder.path / "go").touch()

    def learnt() -> bool:
        dispatcher.tick()
        return not read_changes(plant.folder).pending and read_changes(plant.folder).job == ""

    wait_until(learnt, 30, "what came during the run is learnt")
    dispatcher.stop()
    assert told(plant.folder).count("end") == 2, "by one run, not by three"


def test_FA10_the_run_of_a_killed_worker_ends_with_it_and_its_successor_trains_once(plant: Plant) -> None:
    plant.plan("hang", "succeed")
    worker = plant.start()
    plant.enqueue()
    wait_until(plant.begun, 20, "the run begins")
    worker.kill()
    worker.wait()
    wait_until(lambda: not is_alive(plant.pids[0]), 20, "no orphan goes on")
    assert not is_locked(plant.folder.train_lock)
    started = time.monotonic()
    plant.start()
    plant.hurry_until(Phase.SUCCEEDED, 25)
    assert time.monotonic() - started < 120
    assert told(plant.folder)[1:] == [f"begin {plant.pids[1]}", "end"]


def test_FA11_a_run_is_taken_up_after_worker_and_child_were_killed(plant: Plant) -> None:
    plant.plan("hang", "succeed")
    worker = plant.start()
    plant.enqueue()
    wait_until(plant.begun, 20, "the run begins")
    os.kill(plant.pids[0], signal.SIGKILL)
    worker.kill()
    worker.wait()
    plant.start()
    wait_until(lambda: plant.phase() is Phase.SUCCEEDED, 120, "the run is taken up")  # nobody hurries it
    wait_until(lambda: not read_changes(plant.folder).pending, 20, "the change is learnt")


def test_FA11_a_scheduler_that_died_before_it_was_known_keeps_no_run_waiting(plant: Plant) -> None:
    plant.redis.set("rq:scheduler-lock:training", "nobody", ex=600)
    plant.plan("fail", "succeed")
    plant.start()
    plant.enqueue()
    plant.hurry_until(Phase.SUCCEEDED, 20)


def test_the_process_of_a_run_stays_for_the_next_and_leaves_the_project_to_others(plant: Plant) -> None:
    plant.start()
    plant.enqueue()
    wait_until(lambda: plant.phase() is Phase.SUCCEEDED, 20, "the run succeeds")
    wait_until(lambda: not is_locked(plant.folder.train_lock), 20, "somebody may train it by hand")
    dispatcher = Dispatcher(plant.settings, plant.queue, clock=lambda: time.time() + 100)
    note_change(plant.folder)
    dispatcher.tick()
    wait_until(lambda: told(plant.folder).count("end") == 2, 20, "the change is learnt")
    assert plant.pids[0] == plant.pids[1]
    wait_until(lambda: read_changes(plant.folder).job == "", 20, "the run is over")
    dispatcher.stop()


def test_the_process_that_stays_gives_way_to_other_projects_and_to_the_end(plant: Plant) -> None:
    worker = plant.start()
    plant.enqueue()
    wait_until(lambda: plant.phase() is Phase.SUCCEEDED, 20, "the run succeeds")
    other = ProjectFolder(plant.settings.data_dir, 4)
    note_change(other)
    plant.queue.enqueue(4)
    wait_until(lambda: told(other).count("end") == 1, 20, "the other project is trained")
    assert told(other)[0] != told(plant.folder)[0], "by another process"
    worker.terminate()
    assert worker.wait(10) == 0
    assert not is_locked(other.stay_lock)


def test_FA42_a_worker_that_is_told_to_end_queues_its_run_again_and_is_quick(plant: Plant) -> None:
    plant.plan("hang", "succeed")
    worker = plant.start()
    job = plant.enqueue()
    wait_until(plant.begun, 20, "the run begins")
    worker.terminate()
    assert worker.wait(10) == 0
    assert not is_alive(plant.pids[0])
    assert plant.phase() is Phase.WAITING
    assert plant.queue.state(job) is JobState.ALIVE
    assert Job.fetch(job, connection=plant.redis, serializer="json").retries_left == 2, "no try is used up"
    plant.start()
    plant.hurry_until(Phase.SUCCEEDED, 25)


def test_FA14_of_four_workers_one_trains_a_project(plant: Plant) -> None:
    plant.plan("hang")
    for _ in range(2):
        plant.start()
    note_change(plant.folder)
    jobs = [plant.queue.enqueue(3) for _ in range(3)]
    wait_until(plant.begun, 20, "a run begins")
    wait_until(lambda: [plant.queue.state(job) for job in jobs].count(JobState.ALIVE) == 1, 20, "the others end")
    assert len(plant.pids) == 1


def test_a_defect_is_tried_again_and_then_succeeds(plant: Plant) -> None:
    plant.plan("fail", "succeed")
    plant.start()
    plant.enqueue()
    wait_until(lambda: plant.phase() is Phase.FAILED, 20, "the defect is reported")
    assert read_changes(plant.folder).pending
    plant.hurry_until(Phase.SUCCEEDED, 10)


def test_a_refused_run_is_over(plant: Plant) -> None:
    plant.plan("refuse")
    plant.start()
    plant.enqueue()
    wait_until(lambda: plant.phase() is Phase.REFUSED, 20, "the run is refused")
    wait_until(lambda: read_changes(plant.folder).job == "", 20, "the run is over")
    Dispatcher(plant.settings, plant.queue, clock=lambda: time.time() + 10_000).tick()
    assert plant.redis.llen("rq:queue:training") == 0


def test_FA44_an_entry_that_is_no_training_is_never_run_and_the_worker_goes_on(plant: Plant, tmp_path: Path) -> None:
    marks = [tmp_path / name for name in ("function", "pickle")]
    entries = Queue("training", connection=plant.redis, serializer="json")
    foreign = entries.enqueue("pathlib.Path.touch", str(marks[0]))
    bomb = entries.enqueue("os.getpid")
    plant.redis.hset(bomb.key, "data", pickle.dumps(Bomb(marks[1])))
    plant.redis.lpush("rq:queue:training", b"\xff\x00no job")
    worker = plant.start()
    plant.enqueue()
    wait_until(lambda: plant.phase() is Phase.SUCCEEDED, 20, "the training behind them is done")
    plant.redis.lpush("rq:queue:training", b"\xff\x00no job")
    worker.wait(10)  # RQ ends at such an entry; the supervisor starts the next worker
    plant.start()
    plant.enqueue()
    wait_until(lambda: told(plant.folder).count("end") == 2, 20, "the training behind it is done too")
    assert not any(mark.exists() for mark in marks)
    set_aside = FailedJobRegistry("training", connection=plant.redis).get_job_ids()
    assert {foreign.id, bomb.id} <= set(set_aside)


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return open, (str(self.mark), "w")


def test_FA02_a_worker_waits_for_a_redis_that_is_not_there_yet(
    make_settings: SettingsFactory, redis_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "redis.sock"
    plant = Plant(make_settings(REDIS_URL=f"unix://{path}"))
    worker = plant.start()
    try:
        time.sleep(1.5)
        assert worker.poll() is None
        path.symlink_to(redis_url.removeprefix("unix://"))
        plant.enqueue()
        wait_until(lambda: plant.phase() is Phase.SUCCEEDED, 30, "the run succeeds")
    finally:
        worker.terminate()
        assert worker.wait(10) == 0


def test_FA04_a_run_outlives_redis_and_FA05_the_next_one_needs_no_restart_by_hand(
    make_settings: SettingsFactory,
) -> None:
    settings = make_settings()
    server = RedisServer(settings, find_program() or "redis-server")
    server.start()
    plant = Plant(replace(settings, redis_url=server.url))
    plant.plan("slow", "succeed")
    worker = plant.start()
    try:
        plant.enqueue()
        wait_until(plant.begun, 20, "the run begins")
        os.kill(server.pid or 0, signal.SIGKILL)
        note_change(plant.folder)
        wait_until(lambda: plant.phase() is Phase.SUCCEEDED, 20, "the run succeeds without Redis")
        assert told(plant.folder) == [f"begin {plant.pids[0]}", "end"]
        server.look_after()
        dispatcher = Dispatcher(replace(settings, train_min_annotations=1, train_quiet_s=0.0), plant.queue)

        def trained() -> bool:
            if worker.poll() is not None and len(plant.workers) == 1:
                plant.start()  # as the supervisor does
            dispatcher.tick()
            return not read_changes(plant.folder).pending

        wait_until(trained, 30, "what changed meanwhile is trained on")
        assert told(plant.folder).count("end") == 2
        dispatcher.stop()
    finally:
        for started in plant.workers:
            started.terminate()
            started.wait(20)
        server.stop()


def test_FA13_P5_waiting_work_is_resumed_after_everything_was_killed_at_once(make_settings: SettingsFactory) -> None:
    settings = make_settings()
    server = RedisServer(settings, find_program() or "redis-server")
    server.start()
    with planted(replace(settings, redis_url=server.url)) as plant:
        try:
            plant.plan("hang", "succeed")
            worker = plant.start()
            plant.enqueue()
            wait_until(plant.begun, 20, "the run begins")
            half_written = plant.folder.versions / ".tmp-0123456789abcdef"
            half_written.mkdir(parents=True)
            for pid in (plant.pids[0], worker.pid, server.pid or 0):
                os.kill(pid, signal.SIGKILL)
            worker.wait()
            assert VersionStore(plant.folder).numbers() == []
            wait_until(lambda: redis_is_back(server, plant), 60, "Redis runs again")
            dispatcher = Dispatcher(replace(settings, train_quiet_s=0.0), plant.queue)
            plant.start()

            def resumed() -> bool:
                dispatcher.tick()
                plant.hurry()
                return not read_changes(plant.folder).pending

            wait_until(resumed, 60, "the run is done after all")
            assert not half_written.exists()
            assert told(plant.folder)[1:] == [f"begin {plant.pids[1]}", "end"]
            dispatcher.stop()
        finally:
            server.stop()


def redis_is_back(server: RedisServer, plant: Plant) -> bool:
    """Whether Redis takes runs, which its supervisor sees to."""
    server.look_after()
    return plant.queue.status() is QueueStatus.OK


def test_P5_T6_kills_at_random_moments_lose_no_change_and_need_no_repair(plant: Plant) -> None:
    """Webhooks go on while workers are killed again and again; in the end everything is trained on."""
    eager = replace(plant.settings, train_min_annotations=1, train_quiet_s=0.0, train_longest_delay_s=0.1)
    dispatcher = Dispatcher(eager, plant.queue)
    dispatcher.start()
    stop = threading.Event()

    def annotate() -> None:
        while not stop.is_set():
            note_change(plant.folder)
            time.sleep(0.02)

    annotator = threading.Thread(target=annotate)
    annotator.start()
    try:
        for pause_s in (0.9, 1.4, 1.1):
            worker = plant.start()
            time.sleep(pause_s)
            worker.kill()
            worker.wait()
    finally:
        stop.set()
        annotator.join()
    plant.start()

    def all_trained() -> bool:
        plant.hurry()
        return not read_changes(plant.folder).pending

    wait_until(all_trained, 40, "everything is trained on")
    dispatcher.stop()

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rq import Queue
from rq.job import Job

from backend.errors import LabelStudioError
from backend.jobs.changes import mark_trained, note_change, note_start, read_changes
from backend.jobs.dispatcher import Dispatcher
from backend.jobs.queue import QueueStatus, TrainingQueue, connect
from backend.jobs.run_state import Phase, RunState, read_run, write_run
from backend.jobs.waiting import EARLY_S
from backend.settings import Settings
from backend.versions.locks import locked
from backend.versions.project import ProjectFolder
from tests.conftest import SettingsFactory
from tests.waiting import wait_until

NOW = 1_000_000.0


class Scene:
    """A dispatcher with a clock that a test sets, and the queue behind it."""

    def __init__(self, settings: Settings, url: str, fingerprint: Callable[[int], str] | None = None) -> None:
        self.now = NOW
        self.settings = settings
        self.redis = connect(url, patient=False)
        self.dispatcher = Dispatcher(settings, TrainingQueue(settings, self.redis), fingerprint, lambda: self.now)
        self.folder = ProjectFolder(settings.data_dir, 3)

    @property
    def queued(self) -> list[str]:
        return Queue("training", connection=self.redis).job_ids

    def change(self, count: int = 5) -> None:
        note_change(self.folder, lambda: self.now, count=count)

    def tick(self, after_s: float = 0.0) -> None:
        self.now += after_s
        self.dispatcher.tick()


@pytest.fixture
def settings(make_settings: SettingsFactory) -> Settings:
    return make_settings(TRAIN_MIN_ANNOTATIONS="5", TRAIN_QUIET_S="10", TRAIN_LONGEST_DELAY_S="100", RECONCILE_S="3600")


@pytest.fixture
def scene(settings: Settings, redis_url: str) -> Iterator[Scene]:
    made = Scene(settings, redis_url)
    yield made
    made.dispatcher.stop()


def test_a_run_is_queued_just_before_it_is_due_and_shown_as_waiting(scene: Scene) -> None:
    scene.change()
    scene.tick(10 - EARLY_S - 1)
    assert scene.queued == []
    scene.tick(1)  # a little before it is due: the run's process loads what it needs in the meantime
    run = read_run(scene.folder)
    assert run is not None
    assert scene.queued == [run.job] == [read_changes(scene.folder).job]
    assert run.state is Phase.WAITING


def test_FA27_a_project_has_one_run_waiting_however_much_changes(scene: Scene) -> None:
    for _ in range(20):
        scene.change()
        note_start(scene.folder)
        scene.tick(200)
    assert len(scene.queued) == 1


def test_two_projects_have_a_run_each(scene: Scene) -> None:
    note_start(scene.folder)
    note_start(ProjectFolder(scene.settings.data_dir, 4))
    scene.tick()
    assert sorted(job.split("-")[1] for job in scene.queued) == ["3", "4"]


def test_FA05_a_run_that_redis_lost_is_queued_again(scene: Scene) -> None:
    scene.change()
    scene.tick(10)
    scene.redis.flushall()
    scene.tick(1)
    scene.tick(1)
    assert len(scene.queued) == 1


def test_FA04_a_run_at_work_that_redis_lost_is_not_queued_again(scene: Scene) -> None:
    scene.change()
    scene.tick(10)
    with locked(scene.folder.train_lock):
        scene.redis.flushall()
        scene.tick(1)
        scene.tick(1)
        assert scene.queued == []
        mark_trained(scene.folder, read_changes(scene.folder), "f1")
    scene.tick(1000)
    assert scene.queued == []


def test_a_run_by_hand_is_not_joined_by_another(scene: Scene) -> None:
    note_start(scene.folder)
    with locked(scene.folder.train_lock):
        scene.tick()
        assert scene.queued == []
    scene.tick()
    assert len(scene.queued) == 1


def test_a_run_is_left_to_a_process_that_stays_for_it(scene: Scene) -> None:
    scene.change()
    with locked(scene.folder.stay_lock):
        scene.tick(10)
        assert scene.queued == []
    scene.tick()
    assert len(scene.queued) == 1


def fail_in_queue(scene: Scene) -> None:
    job = Job.fetch(scene.queued[0], connection=scene.redis, serializer="json")
    job.set_status("failed")  # type: ignore[arg-type] # as the worker does it
    Queue("training", connection=scene.redis).remove(job)


def test_FA09_a_run_that_was_given_up_is_reported_and_not_repeated_until_something_changes(scene: Scene) -> None:
    scene.change()
    scene.tick(10)
    write_run(scene.folder, RunState(scene.queued[0], Phase.RUNNING, step=7))
    fail_in_queue(scene)
    scene.tick(1)
    run = read_run(scene.folder)
    assert run is not None
    assert (run.state, run.code) == (Phase.FAILED, "killed")
    for _ in range(5):
        scene.tick(1000)
    assert scene.queued == []
    scene.change(1)
    scene.tick(10)
    assert len(scene.queued) == 1


def test_the_reason_that_a_failed_run_wrote_is_kept(scene: Scene) -> None:
    note_start(scene.folder)
    scene.tick()
    write_run(scene.folder, RunState(scene.queued[0], Phase.FAILED, code="internal"))
    fail_in_queue(scene)
    scene.tick(1)
    run = read_run(scene.folder)
    assert run is not None
    assert run.code == "internal"
    scene.tick(1000)
    assert scene.queued == [], "what was asked for was answered, by a failure"


def test_FA02_changes_noted_while_redis_is_down_become_a_run_when_it_is_back(
    settings: Settings, redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "redis.sock"
    scene = Scene(settings, f"unix://{path}")
    scene.change()
    for _ in range(5):
        scene.tick(10)
    assert scene.dispatcher.queue_status is QueueStatus.DOWN
    assert caplog.text.count("the queue is down") == 1, "said once, not each second"
    path.symlink_to(redis_url.removeprefix("unix://"))
    scene.tick(1)
    assert len(scene.queued) == 1
    scene.dispatcher.stop()


def test_FA08_changes_noted_while_redis_has_no_room_become_a_run_later(scene: Scene) -> None:
    scene.change()
    scene.redis.config_set("maxmemory", "1")
    try:
        scene.tick(10)
        assert scene.dispatcher.queue_status is QueueStatus.READ_ONLY
    finally:
        scene.redis.config_set("maxmemory", "0")
    scene.tick(1)
    assert len(scene.queued) == 1


def test_of_two_web_processes_one_queues_and_the_other_takes_over(
    settings: Settings, redis_url: str, scene: Scene
) -> None:
    other = Scene(settings, redis_url)
    scene.tick()
    note_start(scene.folder)
    other.tick()
    assert scene.queued == []
    scene.dispatcher.stop()
    other.tick()
    assert len(scene.queued) == 1
    other.dispatcher.stop()


def test_a_damaged_note_becomes_one_run(scene: Scene) -> None:
    scene.folder.path.mkdir(parents=True)
    scene.folder.changes.write_text("damaged")
    scene.tick()
    scene.tick(1)
    assert len(scene.queued) == 1


def test_P5_a_change_without_a_webhook_is_found_at_the_start(settings: Settings, redis_url: str) -> None:
    scene = Scene(settings, redis_url, lambda project_id: "f1")
    scene.folder.path.mkdir(parents=True)
    scene.dispatcher.start()
    wait_until(lambda: read_changes(scene.folder).pending, 20, "the change is noted")
    scene.dispatcher.stop()
    assert read_changes(scene.folder).changed == 1


def test_P5_a_change_is_looked_for_again_when_redis_comes_back(
    settings: Settings, redis_url: str, tmp_path: Path
) -> None:
    asked = []

    def fingerprint(project_id: int) -> str:
        asked.append(project_id)
        return "f1"

    path = tmp_path / "redis.sock"
    scene = Scene(settings, f"unix://{path}", fingerprint)
    scene.folder.path.mkdir(parents=True)
    scene.dispatcher.start()
    wait_until(lambda: len(asked) == 1, 20, "asked at the start")
    path.symlink_to(redis_url.removeprefix("unix://"))
    wait_until(lambda: len(asked) == 2, 20, "asked again")
    scene.dispatcher.stop()


def test_a_label_studio_that_is_down_is_said_once_and_starts_no_run(
    settings: Settings, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fingerprint(project_id: int) -> str:
        raise LabelStudioError("label_studio_down", "Label Studio does not answer")

    scene = Scene(settings, redis_url, fingerprint)
    scene.folder.path.mkdir(parents=True)
    scene.dispatcher.reconcile()
    scene.dispatcher.reconcile()
    assert caplog.text.count("Label Studio does not answer") == 1
    assert not read_changes(scene.folder).pending


def test_a_slow_label_studio_does_not_delay_a_run(settings: Settings, redis_url: str) -> None:
    answer = threading.Event()

    def fingerprint(project_id: int) -> str:
        answer.wait(20)
        return "f1"

    scene = Scene(settings, redis_url, fingerprint)
    note_start(scene.folder)
    started = time.monotonic()
    scene.dispatcher.start()
    wait_until(lambda: scene.queued, 20, "a run is queued")
    assert time.monotonic() - started < 3
    answer.set()
    scene.dispatcher.stop()


def test_a_defect_does_not_end_the_thread_and_is_logged_once(
    settings: Settings, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    calls = []

    def fingerprint(project_id: int) -> str:
        calls.append(project_id)
        raise RuntimeError("a defect")

    scene = Scene(settings, redis_url, fingerprint)
    scene.folder.path.mkdir(parents=True)
    scene.dispatcher.start()
    wait_until(lambda: calls, 20, "asked")
    note_start(scene.folder)
    wait_until(lambda: scene.queued, 20, "a run is queued nevertheless")
    scene.dispatcher.stop()
    assert caplog.text.count("RuntimeError: a defect") == 1

"""Start Training while a run is at work: one run follows, with the id that everybody was told."""

from __future__ import annotations

from typing import Any

import pytest
from rq import Queue

from backend.jobs.changes import read_changes
from backend.jobs.dispatcher import Dispatcher
from backend.jobs.queue import TrainingQueue, connect
from backend.jobs.run_notes import RunNotes
from backend.jobs.run_state import Phase
from backend.jobs.train_job import Recorder, run_with
from backend.service.projects import Projects
from backend.settings import Settings
from backend.versions.project import ProjectFolder
from tests.conftest import SettingsFactory
from tests.jobs.stand_in import REPORT


class Office:
    """Whoever asks for runs and whoever queues them, over a real queue; runs are done here, without a worker."""

    def __init__(self, settings: Settings, redis_url: str) -> None:
        self.settings = settings
        self.projects = Projects(settings.data_dir)
        self.redis = connect(redis_url, patient=False)
        self.dispatcher = Dispatcher(settings, TrainingQueue(settings, self.redis))
        self.runs: list[str] = []
        self.told: list[str] = []

    @property
    def queued(self) -> list[str]:
        return Queue("training", connection=self.redis).job_ids

    def shown(self) -> Any:
        return self.projects.facts()["3"]["training"]

    def start(self) -> str:
        return self.projects.start_training(3)

    def work(self, starts: int) -> None:
        """A run, during which Start Training is pressed so many times."""

        def train(progress: Recorder, notes: RunNotes) -> dict[str, Any]:
            self.runs.append(self.shown()["job"])
            self.told += [self.start() for _ in range(starts)]
            return REPORT

        run_with(self.settings, 3, lambda settings, project_id: train)


@pytest.fixture
def office(make_settings: SettingsFactory, redis_url: str) -> Office:
    return Office(make_settings(TRAIN_QUIET_S="0"), redis_url)


def test_RQ21_three_starts_during_a_run_are_one_run_that_follows_with_the_id_they_were_told(office: Office) -> None:
    first = office.start()
    office.dispatcher.tick()
    assert office.queued == [first]
    assert (office.start(), office.shown()["state"]) == (first, Phase.WAITING), "it waits: no other is needed"
    office.work(starts=3)
    (follower,) = set(office.told)
    assert follower != first
    assert office.projects.job_status(follower)["job_status"] == Phase.WAITING
    office.dispatcher.tick()
    assert office.queued == [first, follower]  # the first was done here and not taken from the queue
    office.work(starts=0)
    office.dispatcher.tick()
    assert office.runs == [first, follower]
    assert office.queued == [first, follower]
    assert not read_changes(ProjectFolder(office.settings.data_dir, 3)).forced
    assert office.projects.job_status(follower)["job_status"] == Phase.SUCCEEDED


def test_RQ21_a_start_after_a_run_is_another_run(office: Office) -> None:
    first = office.start()
    office.work(starts=0)
    second = office.start()
    assert second != first
    office.dispatcher.tick()
    assert office.queued == [second]
    assert office.shown()["job"] == second


def test_RQ21_the_id_that_was_told_outlives_the_queue(office: Office) -> None:
    told = office.start()
    office.dispatcher.tick()
    office.redis.flushall()
    for _ in range(2):
        office.dispatcher.tick()
    assert office.queued == [told]


def test_a_note_of_an_older_release_shows_the_run_by_its_entry(office: Office) -> None:
    office.start()
    office.dispatcher.tick()
    job = read_changes(ProjectFolder(office.settings.data_dir, 3)).job
    note = ProjectFolder(office.settings.data_dir, 3).changes
    note.write_text(note.read_text().replace(f'"run": "{job}"', '"run": ""'))
    assert office.shown()["job"] == job

"""A run that hangs, as it is seen from outside (row FA40)."""

from __future__ import annotations

import pytest

from backend.jobs.run_state import Phase, RunState, write_run
from backend.jobs.watch import GRACE_S, RunWatch
from backend.settings import Settings
from backend.versions.project import ProjectFolder
from tests.conftest import SettingsFactory


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(make_settings: SettingsFactory) -> Settings:
    return make_settings(TRAIN_TIMEOUT_S="1000", TRAIN_STALL_S="100")


@pytest.fixture
def watch(settings: Settings, folder: ProjectFolder, clock: Clock) -> RunWatch:
    return RunWatch(settings, folder, clock)


def test_a_run_that_moves_may_go_on_until_its_time_is_over(
    watch: RunWatch, folder: ProjectFolder, clock: Clock
) -> None:
    for step in range(11):
        write_run(folder, RunState("a", Phase.RUNNING, stage="fit", step=step))
        assert watch.verdict() == ""
        clock.now += 90
    clock.now = 1000 + 1000 + GRACE_S + 1
    assert watch.verdict() == "timeout"


def test_a_run_that_shows_nothing_for_the_stall_limit_is_stalled(
    watch: RunWatch, folder: ProjectFolder, clock: Clock
) -> None:
    write_run(folder, RunState("a", Phase.RUNNING, stage="fit", step=1))
    assert watch.verdict() == ""
    clock.now += 100
    assert watch.verdict() == ""
    clock.now += 1
    assert watch.verdict() == "stalled"


@pytest.mark.parametrize(
    "state",
    [
        RunState("a", Phase.RUNNING, stage="export"),  # Label Studio may be down for longer
        RunState("a", Phase.WAITING),
        RunState("a", Phase.SUCCEEDED),  # the process stays for the next run
    ],
)
def test_what_may_take_its_time_is_no_stall(
    watch: RunWatch, folder: ProjectFolder, clock: Clock, state: RunState
) -> None:
    write_run(folder, state)
    assert watch.verdict() == ""
    clock.now += 500
    assert watch.verdict() == ""


def test_a_run_without_a_state_is_not_judged(watch: RunWatch, clock: Clock) -> None:
    clock.now += 500
    assert watch.verdict() == ""

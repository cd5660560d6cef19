from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.jobs.run_state import MOST_LOSSES, Phase, RunState, killed, read_run, with_loss, write_run
from backend.versions.project import ProjectFolder

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)

STATES = st.builds(
    RunState,
    job=TEXT,
    state=st.sampled_from(Phase),
    stage=TEXT,
    step=st.integers(0, 1000),
    loss=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    losses=st.lists(st.lists(st.floats(0, 100), min_size=2, max_size=2), max_size=3),
    started=st.none() | st.floats(0, 1e10),
    version=st.none() | st.integers(1, 1000),
    promoted=st.booleans(),
    metrics=st.dictionaries(TEXT, st.floats(0, 1), max_size=3),
    message=TEXT,
)


@settings(deadline=None)  # disks are slow at times
@given(state=STATES)
def test_a_state_comes_back_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, state: RunState) -> None:
    folder = ProjectFolder(tmp_path_factory.mktemp("run"), 3)
    write_run(folder, state)
    assert read_run(folder) == state


def test_endings_are_counted_whatever_is_written_in_between(folder: ProjectFolder) -> None:
    def run(*states: RunState) -> None:
        for state in states:
            write_run(folder, state)

    run(RunState("a", Phase.WAITING), RunState("a", Phase.RUNNING), RunState("a", Phase.SUCCEEDED, ended=1.0))
    run(RunState("a", Phase.SUCCEEDED, ended=1.0))  # the same ending, written once more
    run(RunState("b", Phase.RUNNING), RunState("b", Phase.RUNNING, step=3), killed(RunState("b", Phase.RUNNING), 2.0))
    run(RunState("c", Phase.WAITING), RunState("c", Phase.SUCCEEDED, ended=3.0))  # was not due, and never ran
    run(RunState("d", Phase.RUNNING), RunState("d", Phase.SUCCEEDED, ended=4.0))
    found = read_run(folder)
    assert found is not None
    assert found.outcomes == {"succeeded": 2, "failed": 1}


def test_a_project_that_never_ran_has_no_state(folder: ProjectFolder) -> None:
    assert read_run(folder) is None


@pytest.mark.parametrize("content", ["", "[]", "null", "{}", '{"job": "a", "state": "dancing"}', "\x00"])
def test_a_damaged_state_is_as_good_as_none(folder: ProjectFolder, content: str) -> None:
    folder.path.mkdir(parents=True)
    folder.run.write_text(content)
    assert read_run(folder) is None


def test_a_loss_that_diverged_is_still_json(folder: ProjectFolder) -> None:
    write_run(folder, RunState("a", Phase.RUNNING, loss=float("nan")))
    assert json.loads(folder.run.read_text())["loss"] is None


def test_losses_are_kept_in_the_order_of_their_steps() -> None:
    losses: list[list[float]] = []
    for step, loss in ((10, 2.0), (20, 1.23456), (30, float("nan")), (40, 0.5)):
        losses = with_loss(losses, step, loss)
    assert losses == [[10, 2.0], [20, 1.2346], [40, 0.5]]
    assert with_loss(losses, 20, 0.9) == [[10, 2.0], [20, 0.9]], "steps that are done again"
    assert with_loss(losses, 5, 3.0) == [[5, 3.0]], "another fit"


def test_the_file_stays_small_however_long_a_fit_is(folder: ProjectFolder) -> None:
    losses: list[list[float]] = []
    for step in range(5000):
        losses = with_loss(losses, step, 1 / 3)
    assert len(losses) == MOST_LOSSES
    assert losses[-1] == [4999, 0.3333]


def test_FA09_a_killed_run_says_so() -> None:
    state = killed(RunState("a", Phase.RUNNING, step=7), 5.0)
    assert (state.state, state.code, state.step, state.ended) == (Phase.FAILED, "killed", 7, 5.0)
    assert not state.active

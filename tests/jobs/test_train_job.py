from __future__ import annotations

import errno
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from rq.timeouts import JobTimeoutException

from backend.errors import (
    BackendError,
    ConfigError,
    LabelStudioError,
    ServiceError,
    TrainingRefused,
    TrainingStopped,
)
from backend.jobs.changes import note_change, note_config, note_job, note_start, read_changes
from backend.jobs.due import due
from backend.jobs.run_notes import RunNotes
from backend.jobs.run_state import Phase, RunState, read_run, write_run
from backend.jobs.train_job import Recorder, Train, run_with
from backend.settings import Settings
from backend.versions.locks import locked
from backend.versions.project import ProjectFolder
from tests.conftest import SettingsFactory
from tests.jobs.stand_in import REPORT

Report = dict[str, Any]


@pytest.fixture
def settings(make_settings: SettingsFactory) -> Settings:
    """Without a quiet time: what was noted is due."""
    return make_settings(TRAIN_QUIET_S="0", TRAIN_MIN_ANNOTATIONS="5")


def raising(error: Exception) -> Train:
    def train(progress: Recorder, notes: RunNotes) -> Report:
        raise error

    return train


def train_with(settings: Settings, project_id: int, train: Train) -> None:
    run_with(settings, project_id, lambda settings, project_id: train)


def run_state(folder: ProjectFolder) -> RunState:
    state = read_run(folder)
    assert state is not None
    return state


def test_a_run_is_recorded_with_its_version_and_marks_what_it_trained_on(
    settings: Settings, folder: ProjectFolder
) -> None:
    note_change(folder)

    def train(progress: Recorder, notes: RunNotes) -> Report:
        assert run_state(folder).state is Phase.RUNNING
        note_change(folder)  # while the run is at work
        return REPORT

    train_with(settings, 3, train)
    state = run_state(folder)
    assert (state.state, state.version, state.promoted, state.reason) == (Phase.SUCCEEDED, 1, True, "better")
    assert (state.metrics, state.annotations, state.code) == ({"f1": 0.5}, 5, "")
    changes = read_changes(folder)
    assert (changes.changed, changes.trained, changes.fingerprint) == (2, 1, "f1")


def test_the_losses_of_the_last_deep_fit_stay_until_another_tells_some(
    settings: Settings, folder: ProjectFolder
) -> None:
    note_change(folder)

    def deep(progress: Recorder, notes: RunNotes) -> Report:
        progress(stage="fit", step=0, steps=40, loss=None)
        for step, loss in ((10, 2.0), (11, None), (20, 1.0)):
            progress(step=step, **({} if loss is None else {"loss": loss}))
        return REPORT

    def fast(progress: Recorder, notes: RunNotes) -> Report:
        progress(stage="fit", step=0, steps=0, loss=None)
        return REPORT

    for train in (deep, fast):
        note_change(folder)
        train_with(settings, 3, train)
        assert run_state(folder).losses == [[10, 2.0], [20, 1.0]]


@pytest.mark.parametrize("changed", [True, False])
def test_CF12_a_run_during_which_the_configuration_changed_is_marked_so_and_another_follows(
    settings: Settings, folder: ProjectFolder, changed: bool
) -> None:
    note_config(folder, "<View>before</View>")
    note_change(folder)

    def train(progress: Recorder, notes: RunNotes) -> Report:
        note_config(folder, "<View>after</View>" if changed else "<View>before</View>")
        return REPORT

    train_with(settings, 3, train)
    assert (run_state(folder).state, run_state(folder).config_changed) == (Phase.SUCCEEDED, changed)
    assert read_changes(folder).pending is changed


def test_progress_is_shown_while_the_run_is_at_work(settings: Settings, folder: ProjectFolder) -> None:
    note_change(folder)

    def train(progress: Recorder, notes: RunNotes) -> Report:
        progress(stage="export")
        assert run_state(folder).stage == "export"
        progress(stage="fit", step=3, steps=10, loss=0.5, unknown="ignored")
        shown = run_state(folder)
        assert (shown.stage, shown.step, shown.steps, shown.loss) == ("fit", 3, 10, 0.5)
        for step in range(1000):
            progress(step=step)
        return REPORT

    train_with(settings, 3, train)
    assert run_state(folder).step == 999


def test_AN16_a_refused_run_says_what_is_missing_and_is_not_repeated(settings: Settings, folder: ProjectFolder) -> None:
    note_change(folder)
    train_with(settings, 3, raising(TrainingRefused("not_enough_data", "3 of 5 annotated pages", "annotate 2 more")))
    state = run_state(folder)
    assert (state.state, state.code, state.message, state.hint) == (
        Phase.REFUSED, "not_enough_data", "3 of 5 annotated pages", "annotate 2 more",
    )  # fmt: skip
    assert not read_changes(folder).pending


def test_FA23_a_refused_token_is_not_tried_again_before_it_or_the_address_changes_the_timer_runs_or_somebody_asks(
    make_settings: SettingsFactory, folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = {"LABEL_STUDIO_URL": "http://localhost:8080", "TRAIN_QUIET_S": "0", "RECONCILE_S": "300"}
    settings = make_settings(LABEL_STUDIO_API_KEY="first-token", **way)
    hint = "check LABEL_STUDIO_API_KEY"
    tries: list[str] = []

    def refused(progress: Recorder, notes: RunNotes) -> Report:
        tries.append("tried")
        raise LabelStudioError("label_studio_auth", "Label Studio refuses the token (401)", hint, answered=401)

    def annotate_and_train(settings: Settings) -> int:
        """How often the token was tried so far."""
        note_change(folder)
        train_with(settings, 3, refused)
        assert (run_state(folder).state, run_state(folder).code) == (Phase.FAILED, "label_studio_auth")
        assert run_state(folder).hint == hint
        assert read_changes(folder).pending, "the change is not forgotten"
        assert read_changes(folder).job == ""
        return len(tries)

    assert annotate_and_train(settings) == 1
    assert annotate_and_train(settings) == 1
    assert annotate_and_train(make_settings(LABEL_STUDIO_API_KEY="other-token", **way)) == 2
    assert annotate_and_train(make_settings(LABEL_STUDIO_API_KEY="other-token", **way)) == 2
    elsewhere = way | {"LABEL_STUDIO_URL": "http://localhost:8081"}
    assert annotate_and_train(make_settings(LABEL_STUDIO_API_KEY="other-token", **elsewhere)) == 3
    note_start(folder)
    assert annotate_and_train(make_settings(LABEL_STUDIO_API_KEY="other-token", **elsewhere)) == 4
    assert "token" not in folder.run.read_text().replace("refuses the token", "")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 301)
    assert due(read_changes(folder), settings, time.time()), "the timer runs"
    assert annotate_and_train(make_settings(LABEL_STUDIO_API_KEY="other-token", **elsewhere)) == 5


def test_FA42_a_run_that_is_stopped_stays_as_it_is_for_the_next_process(
    settings: Settings, folder: ProjectFolder
) -> None:
    noted = note_change(folder)
    with pytest.raises(TrainingStopped):
        train_with(settings, 3, raising(TrainingStopped()))
    assert run_state(folder).state is Phase.RUNNING, "the worker knows why its process ended"
    assert read_changes(folder) == noted


def test_a_refusal_keeps_the_fingerprint_that_the_run_had_read(settings: Settings, folder: ProjectFolder) -> None:
    note_change(folder)

    def train(progress: Recorder, notes: RunNotes) -> Report:
        progress(stage="export", fingerprint="f7")
        raise TrainingRefused("too_few", "3 of 5 annotated pages")

    train_with(settings, 3, train)
    assert read_changes(folder).fingerprint == "f7"


def test_a_run_without_a_version_is_refused_with_its_reason(settings: Settings, folder: ProjectFolder) -> None:
    note_change(folder)
    report = REPORT | {"version": None, "promoted": False, "reason": "nothing new"}
    train_with(settings, 3, lambda progress, notes: report)
    assert (run_state(folder).state, run_state(folder).message) == (Phase.REFUSED, "nothing new")


@pytest.mark.parametrize(
    ("error", "retried"),
    [
        (LabelStudioError("label_studio_down", "Label Studio does not answer"), True),
        (ServiceError("images_unavailable", "only 1 of 5 annotated pages could be read"), True),
        (ServiceError("base_model_missing", "the base model has no folder"), True),
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (ConfigError("config_no_image", "no Image tag"), False),
        (JobTimeoutException("too long"), False),
    ],
)
def test_a_failure_with_a_name_is_recorded_and_ends_the_run(
    settings: Settings, folder: ProjectFolder, error: Exception, retried: bool
) -> None:
    note_change(folder)
    train_with(settings, 3, raising(error))
    state, changes = run_state(folder), read_changes(folder)
    expected = error.code if isinstance(error, BackendError) else state.code
    assert (state.state, state.code) == (Phase.FAILED, expected)
    assert state.code in (
        *("label_studio_down", "images_unavailable", "base_model_missing", "disk_full", "config_no_image", "timeout"),
    )
    assert changes.pending
    assert changes.held == 1
    assert (changes.retry_from is not None) is retried


def test_a_defect_is_recorded_without_its_text_and_left_to_the_queue(
    settings: Settings, folder: ProjectFolder, caplog: pytest.LogCaptureFixture
) -> None:
    noted = note_change(folder)
    with pytest.raises(RuntimeError):
        train_with(settings, 3, raising(RuntimeError("/secret/path")))
    state = run_state(folder)
    assert (state.state, state.code) == (Phase.FAILED, "internal")
    assert "/secret" not in state.message
    assert "RuntimeError: /secret/path" in caplog.text
    assert read_changes(folder) == noted, "the queue tries again, so nothing is settled yet"


def test_the_last_failure_is_shown_until_a_run_succeeds(settings: Settings, folder: ProjectFolder) -> None:
    note_change(folder)
    train_with(settings, 3, raising(LabelStudioError("label_studio_down", "Label Studio does not answer")))

    def train(progress: Recorder, notes: RunNotes) -> Report:
        assert run_state(folder).code == "label_studio_down"
        return REPORT

    note_change(folder)
    train_with(settings, 3, train)
    assert run_state(folder).code == ""


def test_FA14_a_second_runner_ends_at_once_and_touches_nothing(settings: Settings, folder: ProjectFolder) -> None:
    note_change(folder)
    at_work, go_on = threading.Event(), threading.Event()

    def slow(progress: Recorder, notes: RunNotes) -> Report:
        at_work.set()
        assert go_on.wait(20)
        return REPORT

    first = threading.Thread(target=train_with, args=(settings, 3, slow))
    first.start()
    assert at_work.wait(20)
    shown = folder.run.read_text()
    train_with(settings, 3, raising(AssertionError("a second run began")))
    assert folder.run.read_text() == shown
    go_on.set()
    first.join()
    assert run_state(folder).state is Phase.SUCCEEDED


def test_runs_of_two_projects_do_not_wait_for_each_other(settings: Settings, folder: ProjectFolder) -> None:
    other = ProjectFolder(settings.data_dir, 4)
    note_change(other)
    with locked(folder.train_lock):
        train_with(settings, 4, lambda progress, notes: REPORT)
    assert run_state(other).state is Phase.SUCCEEDED


def test_a_run_with_nothing_to_train_on_does_nothing(settings: Settings, folder: ProjectFolder) -> None:
    train_with(settings, 3, raising(AssertionError("trained on nothing")))
    assert read_run(folder) is None
    note_start(folder)
    train_with(settings, 3, lambda progress, notes: REPORT)
    assert run_state(folder).state is Phase.SUCCEEDED


def test_a_queued_run_that_an_earlier_one_made_needless_is_over(settings: Settings, folder: ProjectFolder) -> None:
    note_job(folder, "train-3-a")
    write_run(folder, RunState("train-3-a", Phase.WAITING, version=7))
    train_with(settings, 3, raising(AssertionError("trained on nothing")))
    assert (run_state(folder).state, run_state(folder).version) == (Phase.SUCCEEDED, 7)
    assert read_changes(folder).job == ""


def test_a_run_waits_until_it_is_quiet_and_loads_what_it_needs_meanwhile(
    make_settings: SettingsFactory, folder: ProjectFolder
) -> None:
    settings = make_settings(TRAIN_QUIET_S="1")
    happened: list[str] = []
    note_change(folder)
    annotator = threading.Timer(0.5, lambda: (note_change(folder), happened.append("saved")))
    annotator.start()
    started = time.monotonic()

    def train(progress: Recorder, notes: RunNotes) -> Report:
        happened.append("trained")
        return REPORT

    def load(settings: Settings, project_id: int) -> Train:
        happened.append("loaded")
        return train

    run_with(settings, 3, load)
    assert happened == ["loaded", "saved", "trained"]
    assert time.monotonic() - started >= 1.5
    assert not read_changes(folder).pending


def test_a_run_that_is_not_due_soon_gives_way(make_settings: SettingsFactory, folder: ProjectFolder) -> None:
    settings = make_settings(TRAIN_QUIET_S="30")
    note_change(folder)
    note_job(folder, "train-3-a")
    write_run(folder, RunState("train-3-a", Phase.WAITING))
    train_with(settings, 3, raising(AssertionError("trained too early")))
    changes = read_changes(folder)
    assert (changes.pending, changes.job) == (True, "")
    assert not run_state(folder).active


def test_the_fast_version_is_shown_while_the_deep_fit_goes_on_and_when_that_fails(
    settings: Settings, folder: ProjectFolder
) -> None:
    note_change(folder)

    def train(progress: Recorder, notes: RunNotes) -> Report:
        notes.export_begins()
        progress(version=4, promoted=True, reason="better", stage="judge")
        notes.fast_learnt("f1")
        assert not read_changes(folder).pending
        assert run_state(folder).state is Phase.RUNNING
        raise ServiceError("base_model_missing", "the base model has no folder")

    train_with(settings, 3, train)
    state, changes = run_state(folder), read_changes(folder)
    assert (state.state, state.code, state.version, state.promoted) == (Phase.FAILED, "base_model_missing", 4, True)
    assert (changes.trained, changes.deep_trained, changes.pending) == (1, -1, False)
    assert changes.retry_from is not None, "the deep fit is tried again"


def test_a_run_removes_what_a_killed_one_left(settings: Settings, folder: ProjectFolder) -> None:
    left = folder.versions / ".tmp-0123456789abcdef"
    left.mkdir(parents=True)
    note_change(folder)
    train_with(settings, 3, lambda progress, notes: REPORT)
    assert not left.exists()


def test_the_processes_around_a_run_never_import_torch() -> None:
    script = (
        "import sys, backend.jobs.worker, backend.jobs.dispatcher, backend.jobs.train_job\n"
        "import backend.supervise.supervisor\n"
        "print([name for name in ('torch', 'transformers', 'label_studio_ml', 'PIL') if name in sys.modules])\n"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"

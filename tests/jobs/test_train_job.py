from __future__ import annotations

import errno
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from rq.timeouts import JobTimeoutException

from backend.errors import BackendError, ConfigError, LabelStudioError, ServiceError, TrainingRefused
from backend.jobs.changes import Changes, note_change, note_job, note_start, read_changes
from backend.jobs.run_state import Phase, RunState, read_run, write_run
from backend.jobs.train_job import Recorder, run_with
from backend.settings import Settings
from backend.versions.locks import locked
from backend.versions.project import ProjectFolder
from tests.jobs.stand_in import REPORT

Report = dict[str, Any]


def raising(error: Exception) -> Callable[[Settings, int, Recorder], Report]:
    def train(settings: Settings, project_id: int, progress: Recorder) -> Report:
        raise error

    return train


def run_state(folder: ProjectFolder) -> RunState:
    state = read_run(folder)
    assert state is not None
    return state


def test_a_run_is_recorded_with_its_version_and_marks_what_it_trained_on(
    settings: Settings, folder: ProjectFolder
) -> None:
    note_change(folder)

    def train(settings: Settings, project_id: int, progress: Recorder) -> Report:
        assert run_state(folder).state is Phase.RUNNING
        note_change(folder)  # while the run is at work
        return REPORT

    run_with(settings, 3, train)
    state = run_state(folder)
    assert (state.state, state.version, state.promoted, state.reason) == (Phase.SUCCEEDED, 1, True, "better")
    assert (state.metrics, state.annotations, state.code) == ({"f1": 0.5}, 5, "")
    changes = read_changes(folder)
    assert (changes.changed, changes.trained, changes.fingerprint) == (2, 1, "f1")


def test_progress_is_shown_while_the_run_is_at_work(settings: Settings, folder: ProjectFolder) -> None:
    note_change(folder)

    def train(settings: Settings, project_id: int, progress: Recorder) -> Report:
        progress(stage="export")
        assert run_state(folder).stage == "export"
        progress(stage="fit", step=3, steps=10, loss=0.5, unknown="ignored")
        shown = run_state(folder)
        assert (shown.stage, shown.step, shown.steps, shown.loss) == ("fit", 3, 10, 0.5)
        for step in range(1000):
            progress(step=step)
        return REPORT

    run_with(settings, 3, train)
    assert run_state(folder).step == 999


def test_a_refused_run_says_what_is_missing_and_is_not_repeated(settings: Settings, folder: ProjectFolder) -> None:
    note_change(folder)
    run_with(settings, 3, raising(TrainingRefused("too_few", "3 of 5 annotated pages", "annotate 2 more")))
    state = run_state(folder)
    assert (state.state, state.code, state.message, state.hint) == (
        Phase.REFUSED, "too_few", "3 of 5 annotated pages", "annotate 2 more",
    )  # fmt: skip
    assert not read_changes(folder).pending


def test_a_refusal_keeps_the_fingerprint_that_the_run_had_read(settings: Settings, folder: ProjectFolder) -> None:
    note_change(folder)

    def train(settings: Settings, project_id: int, progress: Recorder) -> Report:
        progress(stage="export", fingerprint="f7")
        raise TrainingRefused("too_few", "3 of 5 annotated pages")

    run_with(settings, 3, train)
    assert read_changes(folder).fingerprint == "f7"


def test_a_run_without_a_version_is_refused_with_its_reason(settings: Settings, folder: ProjectFolder) -> None:
    note_change(folder)
    report = REPORT | {"version": None, "promoted": False, "reason": "nothing new"}
    run_with(settings, 3, lambda settings, project_id, progress: report)
    assert (run_state(folder).state, run_state(folder).message) == (Phase.REFUSED, "nothing new")


@pytest.mark.parametrize(
    ("error", "retried"),
    [
        (LabelStudioError("label_studio_down", "Label Studio does not answer"), True),
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
    run_with(settings, 3, raising(error))
    state, changes = run_state(folder), read_changes(folder)
    expected = error.code if isinstance(error, BackendError) else state.code
    assert (state.state, state.code) == (Phase.FAILED, expected)
    assert state.code in ("label_studio_down", "base_model_missing", "disk_full", "config_no_image", "timeout")
    assert changes.pending
    assert changes.held == 1
    assert (changes.retry_from is not None) is retried


def test_a_defect_is_recorded_without_its_text_and_left_to_the_queue(
    settings: Settings, folder: ProjectFolder, caplog: pytest.LogCaptureFixture
) -> None:
    note_change(folder)
    with pytest.raises(RuntimeError):
        run_with(settings, 3, raising(RuntimeError("/secret/path")))
    state = run_state(folder)
    assert (state.state, state.code) == (Phase.FAILED, "internal")
    assert "/secret" not in state.message
    assert "RuntimeError: /secret/path" in caplog.text
    assert read_changes(folder) == Changes(
        changed=1, first_at=read_changes(folder).first_at, last_at=read_changes(folder).last_at
    ), "the queue tries again, so nothing is settled yet"


def test_the_last_failure_is_shown_until_a_run_succeeds(settings: Settings, folder: ProjectFolder) -> None:
    note_change(folder)
    run_with(settings, 3, raising(LabelStudioError("label_studio_down", "Label Studio does not answer")))

    def train(settings: Settings, project_id: int, progress: Recorder) -> Report:
        assert run_state(folder).code == "label_studio_down"
        return REPORT

    run_with(settings, 3, train)
    assert run_state(folder).code == ""


def test_FA14_a_second_runner_ends_at_once_and_touches_nothing(settings: Settings, folder: ProjectFolder) -> None:
    note_change(folder)
    at_work, go_on = threading.Event(), threading.Event()

    def slow(settings: Settings, project_id: int, progress: Recorder) -> Report:
        at_work.set()
        assert go_on.wait(20)
        return REPORT

    first = threading.Thread(target=run_with, args=(settings, 3, slow))
    first.start()
    assert at_work.wait(20)
    shown = folder.run.read_text()
    run_with(settings, 3, raising(AssertionError("a second run began")))
    assert folder.run.read_text() == shown
    go_on.set()
    first.join()
    assert run_state(folder).state is Phase.SUCCEEDED


def test_runs_of_two_projects_do_not_wait_for_each_other(settings: Settings, folder: ProjectFolder) -> None:
    other = ProjectFolder(settings.data_dir, 4)
    note_change(other)
    with locked(folder.train_lock):
        run_with(settings, 4, lambda settings, project_id, progress: REPORT)
    assert run_state(other).state is Phase.SUCCEEDED


def test_a_run_with_nothing_to_train_on_does_nothing(settings: Settings, folder: ProjectFolder) -> None:
    run_with(settings, 3, raising(AssertionError("trained on nothing")))
    assert read_run(folder) is None
    note_start(folder)
    run_with(settings, 3, lambda settings, project_id, progress: REPORT)
    assert run_state(folder).state is Phase.SUCCEEDED


def test_a_queued_run_that_an_earlier_one_made_needless_is_over(settings: Settings, folder: ProjectFolder) -> None:
    note_job(folder, "train-3-a")
    write_run(folder, RunState("train-3-a", Phase.WAITING, version=7))
    run_with(settings, 3, raising(AssertionError("trained on nothing")))
    assert (run_state(folder).state, run_state(folder).version) == (Phase.SUCCEEDED, 7)
    assert read_changes(folder).job == ""


def test_a_run_removes_what_a_killed_one_left(settings: Settings, folder: ProjectFolder) -> None:
    left = folder.versions / ".tmp-0123456789abcdef"
    left.mkdir(parents=True)
    note_change(folder)
    run_with(settings, 3, lambda settings, project_id, progress: REPORT)
    assert not left.exists()


def test_the_processes_around_a_run_never_import_torch() -> None:
    script = (
        "import sys, backend.jobs.worker, backend.jobs.dispatcher, backend.jobs.train_job\n"
        "import backend.supervise.supervisor\n"
        "print([name for name in ('torch', 'transformers', 'label_studio_ml', 'PIL') if name in sys.modules])\n"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"

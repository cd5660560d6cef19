from __future__ import annotations

import time

import pytest

from backend.jobs import run_notes
from backend.jobs.changes import mark_failed, note_change, note_start, read_changes
from backend.jobs.due import due
from backend.jobs.run_notes import RunNotes
from backend.settings import Settings
from backend.versions.project import ProjectFolder
from tests.conftest import SettingsFactory


@pytest.fixture
def settings(make_settings: SettingsFactory) -> Settings:
    return make_settings(TRAIN_QUIET_S="0", TRAIN_MIN_ANNOTATIONS="5", RECONCILE_S="100")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_notes, "LOOK_EVERY_S", 0.0)


def begun(settings: Settings, folder: ProjectFolder) -> RunNotes:
    return RunNotes(settings, folder, read_changes(folder))


def learnt(notes: RunNotes, *, deep: bool) -> None:
    """A run that goes well."""
    notes.export_begins()
    notes.fast_learnt("f1")
    if deep:
        notes.deep_learnt()
    notes.succeeded("f1")


def test_the_deep_fit_is_due_first_after_enough_changes_and_when_somebody_asks(
    settings: Settings, folder: ProjectFolder
) -> None:
    due_by_changes = []
    for _ in range(7):
        note_change(folder)
        notes = begun(settings, folder)
        due_by_changes.append(notes.deep_is_due())
        learnt(notes, deep=notes.deep_is_due())
    assert due_by_changes == [True, False, False, False, False, True, False]
    note_start(folder)
    assert begun(settings, folder).deep_is_due()


def test_news_are_changes_that_no_fast_step_has_learnt(settings: Settings, folder: ProjectFolder) -> None:
    note_change(folder)
    notes = begun(settings, folder)
    notes.export_begins()
    notes.fast_learnt("f1")
    assert not notes.news()
    note_change(folder)
    assert notes.news()
    notes.export_begins()
    note_change(folder)  # too late for this export
    notes.fast_learnt("f2")
    assert notes.news()
    notes.deep_learnt()
    notes.succeeded("f2")
    left = read_changes(folder)
    assert (left.changed, left.trained, left.deep_trained, left.fingerprint) == (3, 2, 1, "f2")


def test_news_are_looked_for_once_a_second(
    settings: Settings, folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_notes, "LOOK_EVERY_S", 1.0)
    notes = begun(settings, folder)
    assert not notes.news()
    note_change(folder)
    assert not notes.news()
    later = time.monotonic() + 1.1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert notes.news()


def test_a_start_that_the_run_answers_is_no_news_and_one_during_it_makes_another(
    settings: Settings, folder: ProjectFolder
) -> None:
    note_start(folder)
    notes = begun(settings, folder)
    assert not notes.news()
    note_start(folder)
    learnt(notes, deep=True)
    assert due(read_changes(folder), settings, time.time())


def test_news_that_could_not_be_learnt_wait_for_others_and_are_not_lost(
    settings: Settings, folder: ProjectFolder
) -> None:
    note_change(folder)
    notes = begun(settings, folder)
    notes.export_begins()
    notes.fast_learnt("f1")
    note_change(folder)
    assert notes.news()
    notes.export_begins()
    notes.put_off()
    assert not notes.news()
    note_change(folder)
    assert notes.news()
    notes.export_begins()
    notes.put_off()
    notes.refused("f1")  # of the deep fit
    left = read_changes(folder)
    assert (left.trained, left.deep_trained) == (1, 1)
    assert due(left, settings, time.time())


def test_a_refusal_ends_it_for_what_was_saved_until_then(settings: Settings, folder: ProjectFolder) -> None:
    note_change(folder)
    begun(settings, folder).refused("f1")
    assert not read_changes(folder).pending
    assert not due(read_changes(folder), settings, time.time() + 1e6), "the deep learner waits for a change too"
    note_change(folder)
    notes = begun(settings, folder)
    assert due(read_changes(folder), settings, time.time())
    assert notes.deep_is_due(), "there is none yet"


def test_a_failed_deep_fit_is_due_again_when_the_timer_says_so(settings: Settings, folder: ProjectFolder) -> None:
    note_change(folder, count=5)
    notes = begun(settings, folder)
    notes.export_begins()
    notes.fast_learnt("f1")
    notes.deep_learnt()
    note_change(folder, count=5)
    notes.failed(retry_from=time.time() - 101)
    assert due(read_changes(folder), settings, time.time())
    again = begun(settings, folder)
    assert again.deep_is_due()
    mark_failed(folder, read_changes(folder))
    assert not begun(settings, folder).deep_is_due()

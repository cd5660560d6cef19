from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from backend.jobs.changes import (
    Changes,
    mark_deep_trained,
    mark_ended,
    mark_failed,
    mark_trained,
    note_change,
    note_config,
    note_fingerprint,
    note_job,
    note_lost,
    note_start,
    read_changes,
)
from backend.jobs.due import deep_due, due, fast_due
from backend.settings import load_settings
from backend.versions.project import ProjectFolder

SETTINGS = load_settings(
    {"TRAIN_MIN_ANNOTATIONS": "5", "TRAIN_QUIET_S": "10", "TRAIN_LONGEST_DELAY_S": "100", "RECONCILE_S": "50"}
)
DAY_S = 24 * 3600.0


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def note_many(folder: ProjectFolder, clock: Clock, count: int) -> Changes:
    for _ in range(count):
        note_change(folder, clock)
    return read_changes(folder)


def learn(folder: ProjectFolder, seen: Changes, fingerprint: str = "", *, deep: bool = True) -> Changes:
    """What a run notes that ends well; the note afterwards."""
    mark_trained(folder, seen, fingerprint)
    if deep:
        mark_deep_trained(folder, seen)
    mark_ended(folder, seen)
    return read_changes(folder)


def test_nothing_noted_is_nothing_due(folder: ProjectFolder) -> None:
    assert read_changes(folder) == Changes()
    assert not due(Changes(), SETTINGS, 10 * DAY_S)


def test_a_change_is_due_once_it_is_quiet(folder: ProjectFolder, clock: Clock) -> None:
    changes = note_many(folder, clock, 1)
    assert not due(changes, SETTINGS, clock.now + 9)
    assert fast_due(changes, SETTINGS, clock.now + 10)
    assert due(changes, SETTINGS, clock.now + 10)


def test_the_deep_learner_is_due_after_enough_changes(folder: ProjectFolder, clock: Clock) -> None:
    learn(folder, note_many(folder, clock, 1))
    changes = note_many(folder, clock, 4)
    assert not deep_due(changes, SETTINGS, clock.now + 10)
    changes = note_many(folder, clock, 1)
    assert not deep_due(changes, SETTINGS, clock.now + 9)
    assert deep_due(changes, SETTINGS, clock.now + 10)


def test_a_change_of_many_tasks_counts_each(folder: ProjectFolder, clock: Clock) -> None:
    assert deep_due(note_change(folder, clock, count=5), SETTINGS, clock.now + 10)


def test_what_the_fast_learner_knows_is_not_pending_and_the_deep_one_learns_it_later(
    folder: ProjectFolder, clock: Clock
) -> None:
    """Changes come one by one; after each the fast learner learns, and the deep one's time runs from the first."""
    learn(folder, note_many(folder, clock, 5))
    first = clock.now
    for _ in range(3):
        changes = learn(folder, note_change(folder, clock), deep=False)
        assert not changes.pending
        assert not due(changes, SETTINGS, clock.now + 11)
        clock.now += 20
    assert not due(changes, SETTINGS, first + 99)
    assert due(changes, SETTINGS, first + 100), "without any new change"
    assert not fast_due(changes, SETTINGS, first + 100)
    changes = learn(folder, changes)
    assert not due(changes, SETTINGS, clock.now + DAY_S)


def test_changes_that_came_during_a_deep_fit_are_left_to_the_next(folder: ProjectFolder, clock: Clock) -> None:
    exported = note_many(folder, clock, 5)
    during = note_many(folder, clock, 2)
    mark_trained(folder, during)
    mark_deep_trained(folder, exported)
    mark_ended(folder, exported)
    left = read_changes(folder)
    assert (left.trained, left.deep_trained, left.pending, left.deep_pending) == (7, 5, False, 2)
    assert deep_due(left, SETTINGS, clock.now + 100)


def test_without_a_base_model_no_deep_fit_is_due(folder: ProjectFolder, clock: Clock) -> None:
    none = replace(SETTINGS, base_model="none")
    changes = learn(folder, note_many(folder, clock, 50), deep=False)
    assert not due(changes, none, clock.now + DAY_S)
    assert due(changes, SETTINGS, clock.now + DAY_S)


def test_FA28_changes_without_pause_delay_a_run_no_longer_than_the_longest_delay(
    folder: ProjectFolder, clock: Clock
) -> None:
    started = clock.now
    while not due(note_change(folder, clock), SETTINGS, clock.now):
        clock.now += 3
        assert clock.now <= started + 103
    assert clock.now >= started + 100


def test_start_training_is_due_at_once_and_once(folder: ProjectFolder, clock: Clock) -> None:
    seen = note_start(folder)
    assert due(seen, SETTINGS, clock.now)
    assert not due(learn(folder, seen), SETTINGS, clock.now + DAY_S)


def test_RQ21_a_start_during_a_run_is_told_the_id_of_the_run_that_follows(folder: ProjectFolder) -> None:
    note_job(folder, "train-3-a")
    assert note_start(folder, "train-3-b").wished == "train-3-a", "it waits and will know of this wish"
    begun = read_changes(folder)
    told = [note_start(folder, f"train-3-{name}", begun=True).wished for name in "cde"]
    assert told == ["train-3-c"] * 3
    mark_ended(folder, begun)
    note_job(folder, "train-3-a")  # the process of the first run stayed and takes up the next
    assert (read_changes(folder).run, read_changes(folder).next_run) == ("train-3-c", "")


def test_RQ21_a_run_that_the_queue_lost_keeps_the_id_that_was_told(folder: ProjectFolder) -> None:
    told = note_start(folder, "train-3-a").wished
    note_job(folder, told)
    note_lost(folder)
    assert note_start(folder, "train-3-b").wished == told == "train-3-a"


def test_a_start_asked_for_during_a_run_makes_another(folder: ProjectFolder, clock: Clock) -> None:
    seen = note_start(folder)
    note_start(folder)
    mark_failed(folder, seen)
    assert due(read_changes(folder), SETTINGS, clock.now)


def test_what_changed_during_a_run_waits_for_the_next(folder: ProjectFolder, clock: Clock) -> None:
    seen = note_many(folder, clock, 5)
    clock.now += 60
    note_change(folder, clock)
    left = learn(folder, seen, "f1")
    assert (left.changed, left.trained, left.fingerprint) == (6, 5, "f1")
    assert not due(left, SETTINGS, clock.now + 9)
    assert due(left, SETTINGS, clock.now + 10)


def test_a_failed_deep_fit_waits_for_a_change_though_it_is_pending(folder: ProjectFolder, clock: Clock) -> None:
    seen = note_many(folder, clock, 5)
    mark_trained(folder, seen)
    mark_failed(folder, seen)
    assert not due(read_changes(folder), SETTINGS, clock.now + DAY_S)
    assert deep_due(note_change(folder, clock), SETTINGS, clock.now + 10)


def test_a_failed_run_is_not_repeated_before_something_changed(folder: ProjectFolder, clock: Clock) -> None:
    seen = note_many(folder, clock, 5)
    mark_failed(folder, seen)
    assert not due(read_changes(folder), SETTINGS, clock.now + 30 * DAY_S)
    changes = note_change(folder, clock)
    assert not due(changes, SETTINGS, clock.now + 9)
    assert due(changes, SETTINGS, clock.now + 10)


def test_FA22_a_failure_that_may_pass_is_tried_again_by_the_timer(folder: ProjectFolder, clock: Clock) -> None:
    seen = note_many(folder, clock, 5)
    mark_failed(folder, seen, retry_from=clock.now)
    assert not due(read_changes(folder), SETTINGS, clock.now + 49)
    assert due(read_changes(folder), SETTINGS, clock.now + 50)


@given(jump=st.sampled_from([-DAY_S, DAY_S]), count=st.integers(1, 9), wait=st.floats(0, 200))
def test_FA29_a_clock_that_jumps_may_hasten_a_run_and_never_delays_it(jump: float, count: int, wait: float) -> None:
    changes = Changes(changed=count, first_at=1e6, last_at=1e6)
    if due(changes, SETTINGS, 1e6 + wait):
        assert due(changes, SETTINGS, 1e6 + wait + jump)


@given(
    changed=st.integers(0, 20),
    trained=st.integers(0, 20),
    deep_trained=st.integers(0, 20),
    held=st.integers(0, 20),
    now=st.floats(0, 1e6),
    last_at=st.floats(0, 1e6),
)
def test_nothing_is_due_without_a_change_and_everything_is_in_the_end(
    changed: int, trained: int, deep_trained: int, held: int, now: float, last_at: float
) -> None:
    assume(deep_trained <= trained <= changed)
    times = {"first_at": last_at, "deep_first_at": last_at, "last_at": last_at}
    changes = Changes(changed=changed, trained=trained, deep_trained=deep_trained, held=held, **times)
    if changed == trained == deep_trained:
        assert not due(changes, SETTINGS, now)
    elif changed > held:
        assert due(changes, SETTINGS, last_at + 100)


def test_FA27_a_thousand_webhooks_at_once_are_all_counted_within_two_seconds_of_work(folder: ProjectFolder) -> None:
    started = time.process_time()  # of all threads: the machine may be busy with other things
    with ThreadPoolExecutor(8) as pool:
        for _ in range(1000):
            pool.submit(note_change, folder)
    assert time.process_time() - started < 2.0
    assert read_changes(folder).changed == 1000


def test_a_kill_between_any_two_steps_loses_no_change_that_was_answered(folder: ProjectFolder) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from backend.jobs.changes import note_change\n"
        "from backend.versions.project import ProjectFolder\n"
        "while True:\n"
        "    print(note_change(ProjectFolder(Path(sys.argv[1]), 3)).changed, flush=True)\n"
    )
    moments = random.Random(0)
    for _ in range(5):
        command = [sys.executable, "-c", script, str(folder.data_dir)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(moments.uniform(0, 0.1))
            writer.kill()
            answered = int(([b"0", *writer.stdout.read().split(b"\n")[:-1]])[-1])
        assert read_changes(folder).changed >= answered


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "3",
        '"x"',
        '{"changed": "many"}',
        '{"changed": [1]}',
        '{"job": 3}',
        "\x00\x00",
        '{"changed": null}',
    ],
)
def test_a_damaged_note_counts_as_a_change_that_is_due(folder: ProjectFolder, content: str) -> None:
    folder.path.mkdir(parents=True)
    folder.changes.write_text(content)
    damaged = read_changes(folder)
    assert damaged.pending
    assert due(damaged, SETTINGS, time.time())
    mark_trained(folder, damaged, "f1")
    assert not read_changes(folder).pending


def test_a_note_of_a_newer_release_is_read_as_far_as_known(folder: ProjectFolder) -> None:
    folder.path.mkdir(parents=True)
    folder.changes.write_text('{"changed": 3, "trained": 1, "added_later": true}')
    assert read_changes(folder).changed == 3


def test_in_a_note_of_an_older_release_both_learners_know_the_same(folder: ProjectFolder) -> None:
    folder.path.mkdir(parents=True)
    folder.changes.write_text('{"changed": 3, "trained": 1, "first_at": 9.5}')
    note = read_changes(folder)
    assert (note.trained, note.deep_trained, note.first_at, note.deep_first_at) == (1, 1, 9.5, 9.5)


def test_a_run_that_began_before_the_note_was_damaged_does_not_block_later_changes(folder: ProjectFolder) -> None:
    for ended in (mark_trained, mark_failed):
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.changes.write_text("damaged")
        ended(folder, Changes(changed=50))
        assert note_change(folder).pending
        assert due(read_changes(folder), SETTINGS, time.time() + DAY_S)


def test_the_end_of_a_run_forgets_its_job_and_no_other(folder: ProjectFolder) -> None:
    note_job(folder, "train-3-a")
    seen = read_changes(folder)
    note_job(folder, "train-3-b")
    mark_ended(folder, seen)
    assert read_changes(folder).job == "train-3-b"
    mark_ended(folder, read_changes(folder))
    assert read_changes(folder).job == ""


def test_a_first_labeling_configuration_is_no_change_and_another_is(folder: ProjectFolder, clock: Clock) -> None:
    assert not note_config(folder, "<View/>", clock)
    assert not note_config(folder, "<View/>", clock)
    assert not read_changes(folder).pending
    assert note_config(folder, "<View> </View>", clock)
    assert read_changes(folder).changed == 1


def test_a_setup_that_says_nothing_new_writes_nothing(folder: ProjectFolder) -> None:
    note_config(folder, "<View/>")
    written = folder.changes.stat().st_mtime_ns
    note_config(folder, "<View/>")
    assert folder.changes.stat().st_mtime_ns == written


def compare(folder: ProjectFolder, fingerprint: str) -> bool:
    return note_fingerprint(folder, fingerprint, read_changes(folder))


def test_P5_a_change_that_no_webhook_told_is_noted_once(folder: ProjectFolder) -> None:
    assert compare(folder, "f1")
    assert not compare(folder, "f1")
    assert read_changes(folder).changed == 1
    mark_trained(folder, read_changes(folder), "f1")
    assert not compare(folder, "f1")
    assert compare(folder, "f2")


def test_a_change_that_a_webhook_told_is_not_counted_twice(folder: ProjectFolder) -> None:
    note_change(folder)
    assert not compare(folder, "f1")
    assert read_changes(folder).changed == 1


def test_a_change_found_after_a_failed_run_starts_another(folder: ProjectFolder, clock: Clock) -> None:
    note_change(folder, clock)
    mark_failed(folder, read_changes(folder))
    assert compare(folder, "f1")
    assert due(read_changes(folder), SETTINGS, time.time() + 100)


def test_a_comparison_that_a_run_overtook_counts_nothing(folder: ProjectFolder) -> None:
    asked = read_changes(folder)
    mark_trained(folder, asked, "f2")
    assert not note_fingerprint(folder, "f1", asked)
    assert read_changes(folder).fingerprint == "f2"
    assert not note_fingerprint(folder, "f3", replace(read_changes(folder), job="train-3-a"))


def test_a_run_that_came_to_nothing_leaves_the_fingerprint(folder: ProjectFolder) -> None:
    compare(folder, "f1")
    mark_trained(folder, read_changes(folder))
    assert read_changes(folder).fingerprint == "f1"
    assert not compare(folder, "f1"), "a refused run is not repeated by the timer"

"""A whole project prelabelled in a real Label Studio, by processes that are killed in between."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.drawn import draw_form
from tests.flows.conftest import drawn_results, files, label_config
from tests.flows.prelabeled import (
    environment,
    give_a_version,
    make_project,
    run_command,
    start_command,
    stored,
    versions_by_task,
)
from tests.running import Backend, backend
from tests.studio import Studio
from tests.waiting import wait_until

pytestmark = pytest.mark.label_studio

PAGES = 20
SORTED = '{"ordering": ["tasks:predictions_score"]}'


def kill_after(process: subprocess.Popen[str], studio: Studio, project: int, version: str, pages: int) -> None:
    """SIGKILL a command once so many predictions of a version are stored, or when it ended before."""
    wait_until(
        lambda: process.poll() is not None or stored(studio, project, version) >= pages, 900, f"{pages} pages stored"
    )
    process.kill()
    process.communicate()


def test_every_page_gets_one_prediction_although_the_command_is_killed_twice(studio: Studio, tmp_path: Path) -> None:
    project, tasks = make_project(studio, "prelabel", PAGES)
    studio.annotate(tasks[0], drawn_results(draw_form(0)))
    number = give_a_version(tmp_path, project)
    version = f"v{number}"
    command = ("prelabel", "--project", str(project), "--here", "--chunk", "2")
    for pages in (3, 9):
        kill_after(start_command(studio, tmp_path, *command), studio, project, version, pages)

    output = run_command(studio, tmp_path, *command, "--set-version")
    assert f"{version} is the project's version now" in output
    found = versions_by_task(studio, project, tasks)
    assert found.pop(tasks[0]) == []  # somebody annotated it
    assert set(map(tuple, found.values())) == {(version,)}

    assert studio.api("GET", f"/api/projects/{project}/")["model_version"] == version
    by_score = studio.api("GET", f"/api/tasks/?project={project}&page=1&page_size=3&fields=all&query={SORTED}")["tasks"]
    assert all(task["predictions_score"] is not None for task in by_score)

    second = f"v{give_a_version(tmp_path, project)}"
    assert f"{PAGES} predictions of {second} stored" in run_command(
        studio, tmp_path, *command[:-1], "50", "--all", "--replace"
    )
    assert set(map(tuple, versions_by_task(studio, project, tasks).values())) == {(second,)}


@pytest.mark.slow
def test_two_hundred_pages_are_done_once_by_workers_that_are_killed_twice(studio: Studio, tmp_path: Path) -> None:
    project, tasks = make_project(studio, "prelabel-200", 200, images=10)
    settings = environment(studio, tmp_path)
    with backend(tmp_path, **settings) as running:
        version = f"v{give_a_version(tmp_path, project)}"
        command = ("prelabel", "--project", str(project), "--chunk", "20")
        for pages in (20, 80):
            started = start_command(studio, tmp_path, *command)
            kill_after(started, studio, project, version, pages)
            kill(running, "backend worker")
        wait_until(lambda: running.health()["worker"] != "down", 120, "a worker is there again")
        output = run_command(studio, tmp_path, *command)
    assert "done by" in output
    assert set(map(tuple, versions_by_task(studio, project, tasks).values())) == {(version,)}


@pytest.mark.slow
def test_pages_that_nobody_annotated_are_prelabelled_after_each_promotion(studio: Studio, tmp_path: Path) -> None:
    drawn = [draw_form(seed) for seed in range(8)]
    project = studio.create_project("After promotion", label_config("forms"))
    settings = environment(studio, tmp_path) | {"PRELABEL_AFTER_PROMOTION": "true", "TRAIN_QUIET_S": "1"}
    with backend(tmp_path, **settings) as running:
        studio.connect(project, running.url)
        tasks = studio.upload(project, files(drawn, "after"))
        for task, page in zip(tasks[:5], drawn, strict=False):
            studio.annotate(task, drawn_results(page))
        wait_until(lambda: has_one_of(studio, project, tasks[5:], {"v1", "v2"}), 180, "the rest is prelabelled")
        [first] = {version for (version,) in versions_by_task(studio, project, tasks[5:]).values()}
        studio.annotate(tasks[5], drawn_results(drawn[5]))
        later = {f"v{number}" for number in range(2, 9)} - {first}
        wait_until(lambda: has_one_of(studio, project, tasks[6:], later), 180, "the rest is prelabelled again")


def has_one_of(studio: Studio, project: int, tasks: list[int], versions: set[str]) -> bool:
    """Whether each task has a single prediction, of one of these versions."""
    found = versions_by_task(studio, project, tasks).values()
    return all(len(of_task) == 1 and of_task[0] in versions for of_task in found)


def kill(running: Backend, word: str) -> None:
    """SIGKILL the processes of the backend whose command line holds a word; none may be there for a moment."""
    for number in running.children(word):
        os.kill(number, signal.SIGKILL)

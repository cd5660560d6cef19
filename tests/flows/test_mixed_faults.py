"""A hundred tasks of which thirty are broken, stored by a real Label Studio."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.versions.store import UNTRAINED
from tests import mixed_faults
from tests.mixed_faults import CONFIG, IN_THE_IMAGE, MixedTask, image_host, mixed_tasks, width_of
from tests.pages.loopback import Listener
from tests.running import Backend, backend
from tests.studio import Studio

pytestmark = pytest.mark.label_studio


@pytest.fixture(scope="module")
def host() -> Iterator[Listener]:
    with image_host() as listener:
        yield listener


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    settings = {"MAX_IMAGE_MB": str(mixed_faults.MOST_MB), "MAX_MEGAPIXELS": str(mixed_faults.MOST_MEGAPIXELS)}
    settings |= {"IMAGE_HOSTS": "127.0.0.1", "BASE_MODEL": "none", "OCR_ENGINE": "tesseract", "READ_AHEAD_PAGES": "0"}
    with backend(tmp_path_factory.mktemp("backend") / "data", **settings) as started:
        yield started


def import_tasks(studio: Studio, project: int, mixed: list[MixedTask]) -> dict[int, MixedTask]:
    """By the number that Label Studio gives it each task."""
    data = [{**one.task["data"], "place": at} for at, one in enumerate(mixed)]
    studio.api("POST", f"/api/projects/{project}/import", data)
    return {task["id"]: mixed[task["data"]["place"]] for task in studio.tasks(project)}


def asked_for(running: Backend) -> Counter[int]:
    """How often each task was not predicted, as the log tells."""
    lines = [json.loads(line) for line in running.log.read_text().splitlines() if line.startswith("{")]
    return Counter(line["task"] for line in lines if line["message"] == "task not predicted")


def test_RQ17_before_the_first_version_label_studio_shows_no_error_and_asks_again(
    studio: Studio, running: Backend, host: Listener
) -> None:
    project = studio.create_project("untrained", CONFIG)
    connected = studio.connect(project, running.url)
    mixed = mixed_tasks(host.url, IN_THE_IMAGE, 0)
    good = next(one for one in mixed if not one.code)
    (number,) = import_tasks(studio, project, [good])
    for _ in range(2):
        assert studio.open_task(number)["predictions"] == []
    state = studio.api("GET", f"/api/ml/{connected}")
    assert (state["state"], state.get("error_message")) == ("CO", None)
    assert running.project(project).get("version", UNTRAINED) == UNTRAINED
    mixed_faults.publish_version(running.data_dir, project)
    (prediction,) = studio.open_task(number)["predictions"]
    assert (prediction["model_version"], width_of(prediction)) == ("v1", good.width)


def test_a_hundred_tasks_of_which_thirty_are_broken_are_stored_as_they_should_be(
    studio: Studio, running: Backend, host: Listener
) -> None:
    """Seventy predictions on the right tasks; thirty tasks without one, which are asked for again."""
    project = studio.create_project("mixed", CONFIG)
    studio.connect(project, running.url)
    mixed_faults.publish_version(running.data_dir, project)
    tasks = import_tasks(studio, project, mixed_tasks(host.url, IN_THE_IMAGE, 1))
    assert len(tasks) == mixed_faults.TASKS
    broken = {number for number, one in tasks.items() if one.code}

    studio.retrieve_predictions(project)
    stored = {number: studio.predictions(number) for number in tasks}
    assert {number for number, predictions in stored.items() if not predictions} == broken
    for number, one in tasks.items():
        if not one.code:
            (prediction,) = stored[number]
            assert (prediction["model_version"], width_of(prediction)) == ("v1", one.width)
            assert prediction["task"] == number
    codes = codes_of(running)
    assert {number: codes[number] for number in broken} == {number: tasks[number].code for number in broken}

    # Still due: the next retrieval asks for each of them again, and for no other.
    before = asked_for(running)
    studio.retrieve_predictions(project)
    again = asked_for(running) - before
    assert again == Counter(broken)
    assert {number: len(studio.predictions(number)) for number in tasks} == {
        number: int(number not in broken) for number in tasks
    }
    opened = next(iter(broken))
    assert studio.open_task(opened)["predictions"] == []
    assert (asked_for(running) - before)[opened] == 2


def codes_of(running: Backend) -> dict[int, Any]:
    """By task the code with which it was not predicted."""
    lines = [json.loads(line) for line in Path(running.log).read_text().splitlines() if line.startswith("{")]
    return {line["task"]: line["code"] for line in lines if line["message"] == "task not predicted"}

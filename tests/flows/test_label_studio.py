"""The product in a real Label Studio: connect, annotate, learn, pre-annotate; with everything killed in between."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from backend.document.region import Region
from backend.label_studio.annotations import annotation_boxes
from backend.label_studio.config import parse_labeling_config
from backend.training.scores import score_pages
from backend.versions.store import UNTRAINED
from tests.drawn import DrawnPage, draw_form, draw_receipt
from tests.flows.conftest import drawn_results, files, label_config
from tests.running import Backend, backend
from tests.studio import Studio

pytestmark = pytest.mark.label_studio

FORMS = [draw_form(seed) for seed in range(11)]
RECEIPTS = [draw_receipt(seed) for seed in range(7)]
LEARN_FORMS, LEARN_RECEIPTS = 8, 5


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    data_dir = tmp_path_factory.mktemp("backend") / "data"
    with backend(data_dir, TRAIN_QUIET_S="2", TRAIN_MAX_STEPS="120", RECONCILE_S="5") as started:
        yield started


def wait_until_up(running: Backend, within_s: float = 30) -> None:
    last_try = time.monotonic() + within_s
    while True:
        try:
            if running.health()["status"] == "UP":
                return
        except (requests.RequestException, ValueError):
            pass
        assert time.monotonic() < last_try, running.tail()
        time.sleep(0.2)


def kill(running: Backend, word: str) -> None:
    """SIGKILL every process of the backend whose command line holds the word."""
    found = running.children(word)
    assert found, word
    for number in found:
        os.kill(number, signal.SIGKILL)


def manifest(running: Backend, project: int, version: str) -> dict[str, Any]:
    path: Path = running.data_dir / "projects" / str(project) / "versions" / version.removeprefix("v") / "manifest.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def f1(studio: Studio, tasks: list[int], pages: list[DrawnPage], config: str) -> float:
    """Region F1 of what Label Studio has stored as predictions."""
    parsed = parse_labeling_config(config)
    judged = []
    for task, page in zip(tasks, pages, strict=True):
        (prediction,) = studio.predictions(task)
        proposed = annotation_boxes(prediction, parsed, {0: page.size}).boxes[0]
        judged.append(([Region(box.label, box.box, "", 1.0) for box in proposed], page.boxes))
    return score_pages(judged).micro.f1


def test_pages_open_with_boxes_after_annotations_whatever_was_killed_in_between(
    studio: Studio, running: Backend
) -> None:
    config = label_config("forms")
    project = studio.create_project("forms", config)
    connected = studio.connect(project, running.url)
    assert [hook["url"] for hook in studio.webhooks(project)] == [f"{running.url}/webhook"]
    tasks = studio.upload(project, files(FORMS, "form"))

    assert studio.open_task(tasks[0])["predictions"] == []
    assert studio.api("GET", f"/api/ml/{connected}/versions")["versions"] == []

    for number in range(LEARN_FORMS):
        if number == 2:
            kill(running, "gunicorn")  # this annotation's webhook finds nobody
        if number == 4:
            kill(running, "redis-server")
        if number == 6:
            kill(running, "backend worker")
        studio.annotate(tasks[number], drawn_results(FORMS[number]))
        if number == 2:
            wait_until_up(running)

    version = running.wait_for_version(project, within_s=400)
    deadline = time.monotonic() + 400
    while sorted(manifest(running, project, version)["trained_on"]) != tasks[:LEARN_FORMS]:
        assert time.monotonic() < deadline, running.project(project)
        version = running.wait_for_version(project, after=version, within_s=400)

    left = tasks[LEARN_FORMS:]
    assert studio.open_task(left[0])["predictions"][0]["model_version"] == version
    studio.retrieve_predictions(project, left)
    assert f1(studio, left, FORMS[LEARN_FORMS:], config) > 0.5
    answer = requests.get(f"{running.url}/versions", params={"project": project}, timeout=5).json()
    assert version in answer["versions"]


@pytest.mark.slow
def test_a_second_project_keeps_its_own_labels_and_version(studio: Studio, running: Backend) -> None:
    config = label_config("receipts")
    project = studio.create_project("receipts", config)
    connected = studio.connect(project, running.url)
    tasks = studio.upload(project, files(RECEIPTS, "receipt"))
    others = {number: facts["version"] for number, facts in running.health()["projects"].items()}
    for task, page in zip(tasks, RECEIPTS[:LEARN_RECEIPTS], strict=False):
        studio.annotate(task, drawn_results(page))
    studio.api("POST", f"/api/ml/{connected}/train", {})  # Start Training: no quiet time

    version = running.wait_for_version(project, within_s=400)
    assert set(manifest(running, project, version)["labels"]) == {"company", "date", "address", "total"}
    now = {number: facts["version"] for number, facts in running.health()["projects"].items()}
    assert {number: now[number] for number in others if number != str(project)} == {
        number: others[number] for number in others if number != str(project)
    }

    left = tasks[LEARN_RECEIPTS:]
    studio.retrieve_predictions(project, left)
    assert f1(studio, left, RECEIPTS[LEARN_RECEIPTS:], config) > 0.4
    (prediction,) = studio.predictions(left[0])
    texts = [item for item in prediction["result"] if item["type"] == "textarea"]
    assert texts
    assert {item["from_name"] for item in texts} == {"transcription"}


def test_too_few_annotations_are_told_and_nothing_is_lost(studio: Studio, running: Backend) -> None:
    project = studio.create_project("three", label_config("forms"))
    connected = studio.connect(project, running.url)
    tasks = studio.upload(project, files(FORMS[:3], "few"))
    for task, page in zip(tasks, FORMS[:3], strict=True):
        studio.annotate(task, drawn_results(page))
    studio.api("POST", f"/api/ml/{connected}/train", {})
    deadline = time.monotonic() + 60
    while "2 more" not in json.dumps(running.project(project)):
        assert time.monotonic() < deadline, running.project(project)
        time.sleep(0.5)
    assert running.project(project)["version"] == UNTRAINED

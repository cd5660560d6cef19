"""Pages that are read ahead in a real Label Studio: the task that is opened next takes no OCR."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from backend.document.label_set import LabelSet
from backend.model.tagger import PageTagger, save_tagger
from backend.training.fit_crf import fit_crf
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.drawn import draw_form
from tests.flows.conftest import drawn_results, files, label_config
from tests.pages_of_words import page_of_rows
from tests.running import Backend, backend
from tests.studio import Studio
from tests.waiting import wait_until

pytestmark = pytest.mark.label_studio

FORMS = [draw_form(seed) for seed in range(5)]
LABELS = LabelSet(("question", "answer"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    with backend(tmp_path_factory.mktemp("backend") / "data", BASE_MODEL="none", READ_AHEAD_PAGES="3") as started:
        yield started


def told(running: Backend, name: str, **labels: str) -> float:
    """A figure of `/metrics`; 0 before it is told."""
    text = requests.get(f"{running.url}/metrics", timeout=5).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(it.value for it in samples if it.name == f"layoutlmv3_{name}" and labels.items() <= it.labels.items())


def pages_read(running: Backend) -> float:
    return told(running, "predict_step_duration_seconds_count", step="ocr")


def predictions_asked(running: Backend) -> float:
    return told(running, "http_requests_total", route="/predict")


def give_a_version(running: Backend, project: int) -> None:
    page = page_of_rows(["Name:", "Ann"])
    fast = fit_crf([(page, [LABELS.begin("question"), LABELS.begin("answer")])], LABELS)
    store = VersionStore(ProjectFolder(running.data_dir, project))
    with store.stage() as staged:
        save_tagger(PageTagger(fast=fast), staged)
        store.promote(store.publish(staged, {}), "test")


def test_the_task_that_is_opened_next_takes_no_ocr(studio: Studio, running: Backend) -> None:
    project = studio.create_project("ahead", label_config("forms"))
    # Listing tasks makes Label Studio predict them where a project is set so; reading ahead must not.
    studio.api("PATCH", f"/api/projects/{project}/", {"evaluate_predictions_automatically": True})
    tasks = studio.upload(project, files(FORMS, "ahead"))
    studio.annotate(tasks[2], drawn_results(FORMS[2]))
    studio.connect(project, running.url)  # an untrained project that somebody looks at: its first three pages are read
    wait_until(lambda: pages_read(running) == 3, 60, "the first open pages are read")
    assert predictions_asked(running) == 0

    give_a_version(running, project)
    opened = studio.open_task(tasks[0])
    assert opened["predictions"]
    assert studio.open_task(tasks[1])["predictions"]
    assert pages_read(running) == 3  # 0, 1 and 3; 2 is annotated
    wait_until(lambda: pages_read(running) == 4, 60, "the last page is read: the window moved with the opened task")
    assert studio.open_task(tasks[4])["predictions"]
    assert pages_read(running) == 4
    assert predictions_asked(running) == 3

"""What `/metrics` tells, read as Prometheus reads it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from backend.document.page import PageRef, Word
from backend.errors import TaskError
from backend.jobs.changes import note_change, note_start
from backend.jobs.run_state import Phase, RunState, write_run
from backend.ocr.cache import OcrCache
from backend.pipelines.reading import PageReader
from backend.service import states
from backend.service.loading import PredictorLoader
from backend.service.services import Services
from backend.settings import Settings
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.drawn import DrawnPage
from tests.service.stand_in import StandInAnswer, StandInPredictor

AppFactory = Callable[..., Flask]

CONFIG = """<View><RectangleLabels name="label" toName="image"><Label value="Iban"/></RectangleLabels>
  <Image name="image" value="$image"/></View>"""
SECRETS = ("Iban", "t0ken", "secret-word", "a.png")


def told(client: FlaskClient) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels, in the order of the labels' names."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    found = {(sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value for sample in samples}
    assert len(found) == len(samples)
    return found


def ask(client: FlaskClient, tasks: int, **facts: object) -> int:
    task = {"id": 1, "data": {"image": "/data/upload/a.png", "text": "secret-word"}}
    body = {"project": 3, "tasks": [task] * tasks, "label_config": CONFIG, **facts}
    return client.post("/predict", json=body).status_code


def publish(folder: ProjectFolder) -> int:
    store = VersionStore(folder)
    with store.stage() as staged:
        (staged / "weights.safetensors").write_bytes(b"w")
        return store.publish(staged, {})


def test_requests_are_counted_and_timed_by_route_and_status(client: FlaskClient) -> None:
    for _ in range(3):
        client.get("/health")
    client.get("/projects/5/report")
    client.get("/projects/6/report")
    found = told(client)
    rule = "/projects/<int:number>/report"
    assert found["layoutlmv3_http_requests_total", "/health", "200"] == 3
    assert sum(value for key, value in found.items() if key[:2] == ("layoutlmv3_http_requests_total", rule)) == 2
    assert found["layoutlmv3_http_request_duration_seconds_count", "/health"] == 3
    assert 0 < found["layoutlmv3_http_request_duration_seconds_sum", "/health"] < 3


def test_errors_are_counted_by_code(client: FlaskClient) -> None:
    for _ in range(2):
        client.post("/predict", json={"project": 3})
    client.post("/webhook", data=b"{")
    found = told(client)
    assert found["layoutlmv3_http_errors_total", "bad_tasks", "/predict"] == 2
    assert found["layoutlmv3_http_errors_total", "bad_json", "/webhook"] == 1


def test_training_runs_are_counted_by_how_they_ended(client: FlaskClient, settings: Settings) -> None:
    folder = ProjectFolder(settings.data_dir, 3)
    for ending in (Phase.SUCCEEDED, Phase.FAILED, Phase.SUCCEEDED, Phase.REFUSED):
        write_run(folder, RunState("train-3-a", Phase.RUNNING))
        write_run(folder, RunState("train-3-a", ending, ended=9.0))
    found = told(client)
    counts = {key[1]: value for key, value in found.items() if key[0] == "layoutlmv3_trainings_total"}
    assert counts == {"succeeded": 2, "failed": 1, "refused": 1}


def test_unknown_addresses_and_methods_are_one_value(client: FlaskClient) -> None:
    client.get("/metrics")
    before = len(told(client))
    for number in range(30):
        client.get(f"/nowhere/{number}")
        client.open(f"/else-{number}", method=f"FETCH{number}")
    found = told(client)
    assert found["layoutlmv3_http_requests_total", "unknown", "404"] == 60
    # Two counters, and the histogram of one route with its sum and its count.
    assert len(found) == before + 2 + len([key for key in found if key[-1] == "unknown" and "duration" in key[0]])


def test_tasks_are_counted_by_outcome(client: FlaskClient, predictor: StandInPredictor) -> None:
    predictor.answer = lambda *asked, **deadline: StandInAnswer(  # type: ignore[method-assign]
        [{"result": []}, [], {"result": []}], [{"task": 1, "index": 1, "code": "untrained", "message": ""}]
    )
    assert ask(client, 3) == 200
    found = told(client)
    assert found["layoutlmv3_predicted_tasks_total", "ok"] == 2
    assert found["layoutlmv3_predicted_tasks_total", "untrained"] == 1


@pytest.mark.parametrize(
    ("failure", "code"), [(TaskError("deadline", "late"), "deadline"), (ValueError("secret-word"), "internal")]
)
def test_tasks_of_a_request_that_failed_are_counted_by_its_code(
    client: FlaskClient, predictor: StandInPredictor, failure: Exception, code: str
) -> None:
    predictor.failure = failure
    ask(client, 4)
    assert told(client)["layoutlmv3_predicted_tasks_total", code] == 4


class Sightless:
    """An OCR engine that finds nothing."""

    identity = "sightless"

    def read(self, image: object) -> list[Word]:
        return []


def test_steps_and_the_ocr_cache_are_told(client: FlaskClient, drawn_form: DrawnPage, tmp_path: Path) -> None:
    image = tmp_path / "form.png"
    drawn_form.image.save(image)
    reader = PageReader(Sightless(), OcrCache(tmp_path / "ocr"), 10**8)
    for _ in range(3):
        reader.read(PageRef(1, 0, "/a.png"), lambda ref: image.read_bytes())
    with pytest.raises(TaskError):
        reader.read(PageRef(1, 0, "/a.png"), lambda ref: b"no image")
    found = told(client)
    counts = {
        step: found["layoutlmv3_predict_step_duration_seconds_count", step] for step in ("fetch", "decode", "ocr")
    }
    assert counts == {"fetch": 4, "decode": 2, "ocr": 1}
    assert found["layoutlmv3_predict_step_duration_seconds_sum", "decode"] > 0
    assert found["layoutlmv3_ocr_cache_lookups_total", "hit"] == 2
    assert found["layoutlmv3_ocr_cache_lookups_total", "miss"] == 2


def test_projects_are_told_from_their_files(client: FlaskClient, settings: Settings) -> None:
    trained, refused, waiting = (ProjectFolder(settings.data_dir, number) for number in (3, 4, 5))
    store = VersionStore(trained)
    store.promote(publish(trained), "better")
    store.refuse(publish(trained), "worse")
    write_run(trained, RunState("train-3-a", Phase.SUCCEEDED, ended=9.0, version=2))
    write_run(refused, RunState("train-4-a", Phase.REFUSED, ended=7.0, code="no_labels", message="secret-word"))
    note_start(waiting)
    found = told(client)
    assert [found["layoutlmv3_live_version", project] for project in "345"] == [1, 0, 0]
    assert found["layoutlmv3_training", "3", "succeeded"] == 1
    assert found["layoutlmv3_training", "3", "failed"] == 0
    assert found["layoutlmv3_training", "4", "refused"] == 1
    assert found["layoutlmv3_training", "5", "waiting"] == found["layoutlmv3_waiting_runs",] == 1
    assert found["layoutlmv3_training_error", "no_labels", "4"] == 1
    assert found["layoutlmv3_training_ended_timestamp_seconds", "3"] == 9
    assert found["layoutlmv3_version_decisions_total", "promoted", "3"] == 1
    assert found["layoutlmv3_version_decisions_total", "refused", "3"] == 1
    store.promote(publish(trained), "better still")
    store.rollback("regretted")
    found = told(client)
    assert found["layoutlmv3_version_decisions_total", "promoted", "3"] == 2
    assert found["layoutlmv3_version_decisions_total", "rolled_back", "3"] == 1
    assert found["layoutlmv3_live_version", "3"] == 1


def test_loaded_models_are_told_once_there_are_any(client: FlaskClient, services: Services) -> None:
    services.loader.wait(time.monotonic() + 10)
    found = told(client)
    assert (found["layoutlmv3_loaded_models",], found["layoutlmv3_loaded_model_bytes", "3"]) == (1, 5000)
    assert PredictorLoader(StandInPredictor).loaded_bytes() == {}


def test_the_queue_is_told_in_one_state(make_app: AppFactory, redis_url: str) -> None:
    app = make_app(REDIS_URL=redis_url)
    app.extensions["backend"].health.refresh()
    found = told(app.test_client())
    assert [key[1] for key, value in found.items() if key[0] == "layoutlmv3_queue" and value] == ["ok"]
    assert [key[1] for key, value in found.items() if key[0] == "layoutlmv3_worker" and value] == ["down"]


def test_the_process_is_told(client: FlaskClient) -> None:
    assert told(client)["process_resident_memory_bytes",] > 1_000_000


def test_a_project_that_cannot_be_read_leaves_the_others(client: FlaskClient, settings: Settings) -> None:
    ProjectFolder(settings.data_dir, 3).current.mkdir(parents=True)
    note_change(ProjectFolder(settings.data_dir, 4))
    found = told(client)
    assert ("layoutlmv3_live_version", "3") not in found
    assert found["layoutlmv3_live_version", "4"] == 0


def test_no_more_projects_are_told_than_the_limit(
    client: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "MOST_PROJECTS", 2)
    for number in (7, 8, 900_000_000_000):
        note_change(ProjectFolder(settings.data_dir, number))
    assert {key[1] for key in told(client) if key[0] == "layoutlmv3_live_version"} == {"7", "8"}


def test_nothing_of_documents_labels_or_tokens_is_told(client: FlaskClient, predictor: StandInPredictor) -> None:
    setup = {"project": 3, "schema": CONFIG, "hostname": "http://ls.test", "access_token": "t0ken"}
    assert client.post("/setup", json=setup).status_code == 200
    ask(client, 2)
    predictor.failure = TaskError("deadline", "secret-word is late")
    ask(client, 2)
    text = client.get("/metrics").text
    assert [secret for secret in SECRETS if secret in text] == []


def test_two_applications_count_apart(make_app: AppFactory) -> None:
    first, second = make_app().test_client(), make_app().test_client()
    first.get("/health")
    assert told(first)["layoutlmv3_http_requests_total", "/health", "200"] == 1
    assert ("layoutlmv3_http_requests_total", "/health", "200") not in told(second)

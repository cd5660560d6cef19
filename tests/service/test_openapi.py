"""The description of the service is true: of its routes, of what Label Studio sends, and of what is answered."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from werkzeug.test import TestResponse

from backend.errors import ServiceError
from backend.jobs.run_state import Phase, RunState, write_run
from backend.service.openapi.document import API_VERSION, openapi_document
from backend.settings import Settings
from backend.versions.project import ProjectFolder
from scripts.api_page import PAGE, api_page
from scripts.fuzz.mutations import Request
from scripts.fuzz.samples import Sample, samples
from scripts.fuzz.verdict import Answer, Judge, validator
from tests.service.conftest import AppFactory
from tests.service.stand_in import StandInAnswer, StandInPredictor
from tests.service.test_routes import TASK, event_body, folder_of, predict_body, publish, setup_body

ROOT = Path(__file__).parents[2]
SAMPLES = samples()
PREDICTION = {
    "result": [
        {
            **{"id": "a", "from_name": "label", "to_name": "image", "type": "rectanglelabels", "item_index": 0},
            **{"original_width": 850, "original_height": 1100, "image_rotation": 0, "score": 0.9},
            "value": {"x": 0, "y": 9.5, "width": 30, "height": 4, "rotation": 0, "rectanglelabels": ["header"]},
        }
    ],
    "score": 0.5,
    "model_version": "v1",
}


def operations() -> Iterator[tuple[str, str]]:
    """Every path and method of the description."""
    for path, methods in openapi_document()["paths"].items():
        for method in methods:
            yield path, method.upper()


def faults(answer: TestResponse, method: str, route: str) -> list[str]:
    """What is wrong with an answer by the description."""
    told = Answer(answer.status_code, answer.status.partition(" ")[2], dict(lowered(answer)), answer.data)
    return Judge().faults(Request(route, method, answer.request.path), told)


def lowered(answer: TestResponse) -> Iterator[tuple[str, str]]:
    return ((name.lower(), value) for name, value in answer.headers.items())


def test_the_description_is_openapi() -> None:
    OpenAPIV31SpecValidator(openapi_document()).validate()


def test_the_description_is_served(client: FlaskClient, make_app: AppFactory) -> None:
    answer = client.get("/openapi.json")
    assert answer.get_json() == json.loads(json.dumps(openapi_document()))
    guarded = make_app(BASIC_AUTH_USER="u", BASIC_AUTH_PASS="p").test_client()
    assert guarded.get("/openapi.json").status_code == 401


def test_every_route_is_described_and_no_other(app: Flask) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.startswith("ui.")  # pages for people, which no program is to rely on
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == set(operations())


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == API_VERSION


def test_the_page_is_made_of_the_description() -> None:
    assert PAGE.read_text(encoding="utf-8") == api_page(), "python -m scripts.api_page > docs/API.md"


# Requests


def body_schema(route: str) -> str:
    body = openapi_document()["paths"][route]["post"]["requestBody"]
    return str(body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2])


@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if sample.body], ids=lambda sample: sample.route)
def test_bodies_as_label_studio_sends_them_are_described_and_served(client: FlaskClient, sample: Sample) -> None:
    assert list(validator(body_schema(sample.route)).iter_errors(sample.body)) == []
    answer = client.post(sample.target, json=sample.body)
    assert answer.status_code in (200, 201)
    assert faults(answer, "POST", sample.route) == []


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("/setup", {"project": 3, "schema": 7}),
        ("/setup", {"schema": "<View/>"}),
        ("/predict", {"project": "../3", "tasks": []}),
        ("/predict", {"project": 3, "tasks": "abc"}),
        ("/predict", {"project": 3}),
        ("/predict", {"project": 3, "tasks": [], "model_version": "../x"}),
        ("/webhook", {"project": 3}),
        ("/webhook", {"action": "", "project": 3}),
        ("/webhook", {"action": "ANNOTATION_CREATED", "project": {}}),
        ("/train", {}),
        ("/job_status", {"job": 3}),
    ],
)
def test_what_the_description_excludes_is_refused(client: FlaskClient, route: str, body: dict[str, Any]) -> None:
    assert not validator(body_schema(route)).is_valid(body)
    assert client.post(route, json=body).status_code == 400


# Answers


def test_predictions_are_as_described(client: FlaskClient, predictor: StandInPredictor) -> None:
    error = {"task": {"any": "thing"}, "index": 1, "code": "untrained", "message": "not yet", "hint": ""}
    predictor.answer = lambda *asked, **deadline: StandInAnswer([PREDICTION, []], [error])  # type: ignore[method-assign]
    answer = client.post("/predict", json=predict_body(TASK, TASK))
    assert answer.get_json()["results"] == [PREDICTION, []]
    assert faults(answer, "POST", "/predict") == []


@pytest.mark.parametrize("spoilt", [{"score": "high"}, {"result": None}, {"model_version": 3}, {"score": 1.5}])
def test_predictions_that_label_studio_would_not_take_are_not_as_described(
    client: FlaskClient, predictor: StandInPredictor, spoilt: dict[str, object]
) -> None:
    predictor.answer = lambda *asked, **deadline: StandInAnswer([PREDICTION | spoilt])  # type: ignore[method-assign]
    assert faults(client.post("/predict", json=predict_body(TASK)), "POST", "/predict")


def test_health_is_as_described_in_every_state(client: FlaskClient, settings: Settings) -> None:
    services = client.application.extensions["backend"]
    assert faults(client.get("/health"), "GET", "/health") == []
    client.post("/setup", json=setup_body())
    publish(settings, promote=True)
    for state in Phase:
        write_run(folder_of(settings), RunState("train-3-a", state, started=1.0, version=1, code="killed"))
        services.health.refresh()
        answer = client.get("/health")
        assert answer.get_json()["projects"]["3"]["version"] == "v1"
        assert faults(answer, "GET", "/health") == []


def test_health_that_is_down_is_as_described(make_app: AppFactory, settings: Settings) -> None:
    app = make_app()
    services = app.extensions["backend"]
    services.loader._failure = ServiceError("base_model_missing", "files are missing", "put them there")
    services.loader._predictor = None
    answer = app.test_client().get("/health")
    assert answer.status_code == 503
    assert faults(answer, "GET", "/health") == []


@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if not sample.body], ids=lambda sample: sample.target)
def test_what_can_be_looked_at_is_as_described(client: FlaskClient, sample: Sample) -> None:
    answer = client.get(sample.target)
    assert answer.status_code in (200, 404)  # there are no reports yet
    assert faults(answer, "GET", sample.route) == []


def test_reports_and_pictures_are_as_described(client: FlaskClient, settings: Settings) -> None:
    reports = ProjectFolder(settings.data_dir, 3).reports / "1"
    reports.mkdir(parents=True)
    (reports / "report.json").write_text('{"version": "v1"}')
    (reports / "scores.png").write_bytes(b"\x89PNG")
    route = "/projects/{number}/report"
    for path in ("", "/{version}", "/{version}/{name}"):
        answer = client.get((route + path).format(number=3, version="v1", name="scores.png"))
        assert answer.status_code == 200
        assert faults(answer, "GET", route + path) == []


@pytest.mark.parametrize(
    ("status", "send"),
    [
        (400, lambda client: client.post("/predict", data=b"{", content_type="application/json")),
        (404, lambda client: client.get("/projects/3/report/v9")),
        (405, lambda client: client.get("/predict")),
        (413, lambda client: client.post("/predict", json=predict_body(*[TASK] * 3))),
        (415, lambda client: client.post("/predict", data=b"{}", content_type="text/plain")),
    ],
)
def test_errors_are_as_described(make_app: AppFactory, status: int, send: Any) -> None:
    answer = send(make_app(MAX_TASKS="2").test_client())
    assert answer.status_code == status
    assert list(validator("Error").iter_errors(answer.get_json())) == []


def test_an_error_of_another_form_is_not_as_described() -> None:
    assert list(validator("Error").iter_errors({"error": "text"}))


def test_each_body_is_a_sound_schema() -> None:
    for schema in openapi_document()["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_webhooks_of_each_kind_are_answered_as_described(client: FlaskClient) -> None:
    for action in ("ANNOTATION_CREATED", "START_TRAINING", "PROJECT_UPDATED", "SOMETHING_NEW"):
        assert faults(client.post("/webhook", json=event_body(action)), "POST", "/webhook") == []

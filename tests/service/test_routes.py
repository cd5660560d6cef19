"""The routes, with the bodies that Label Studio really sends and those that it never should (rows RQ)."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from backend.errors import ServiceError
from backend.jobs.changes import read_changes
from backend.jobs.run_state import Phase, RunState, write_run
from backend.service.app import PREDICTION_PLACES
from backend.service.services import Services
from backend.settings import Settings
from backend.versions.project import ProjectFolder, known_projects, load_record
from backend.versions.store import VersionStore
from tests.service.stand_in import StandInPredictor

CONFIG = """<View><RectangleLabels name="label" toName="image"><Label value="header"/></RectangleLabels>
  <Image name="image" value="$image"/></View>"""
OTHER_CONFIG = CONFIG.replace("header", "total")
TASK = {"id": 1, "data": {"image": "/data/upload/1/a.png"}}

Recorded = Callable[[str, str], list[dict[str, Any]]]


def predict_body(*tasks: object, **facts: Any) -> dict[str, Any]:
    return {"project": "3.1700000000", "tasks": list(tasks), "label_config": CONFIG, **facts}


def setup_body(**facts: Any) -> dict[str, Any]:
    body = {"project": "3.1700000000", "schema": CONFIG, "hostname": "http://ls.test", "access_token": "t0ken"}
    return {**body, "extra_params": None, **facts}


def event_body(action: str = "ANNOTATION_CREATED", project: object = 3, **facts: Any) -> dict[str, Any]:
    return {"action": action, "project": project, **facts}


def folder_of(settings: Settings, project_id: int = 3) -> ProjectFolder:
    return ProjectFolder(settings.data_dir, project_id)


def publish(settings: Settings, *, promote: bool, project_id: int = 3) -> int:
    """A version on disk, as small as they come."""
    store = VersionStore(folder_of(settings, project_id))
    with store.stage() as staged:
        (staged / "weights.safetensors").write_bytes(b"w")
        number = store.publish(staged, {})
    if promote:
        store.promote(number, "test")
    return number


def assert_error(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    """An error has one form, and says nothing about the machine."""
    assert answer.is_json
    body: dict[str, Any] = answer.get_json()
    assert (answer.status_code, body["error"]["code"]) == (status, code)
    assert set(body) == {"error", "request_id"}
    assert set(body["error"]) == {"code", "message", "hint"}
    phrase = answer.status.partition(" ")[2]
    assert 0 < len(phrase) <= 120
    assert phrase.isascii()
    assert phrase.isprintable()
    assert "Traceback" not in answer.text
    assert str(Path(__file__).parents[2]) not in answer.text
    assert body["request_id"] == answer.headers["X-Request-Id"]
    return body["error"]


# /setup


def test_setup_as_label_studio_sends_it_is_answered_and_remembered(
    client: FlaskClient, settings: Settings, recorded: Recorded
) -> None:
    for body in recorded("connect-backend", "/setup") + recorded("open-task-multipage", "/setup"):
        answer = client.post("/setup", json=body)
        unknown = [f"the extra param {name!r} means nothing to this backend" for name in body["extra_params"] or ()]
        assert (answer.status_code, answer.get_json()) == (200, {"model_version": "untrained", "warnings": unknown})
        record = load_record(folder_of(settings, int(body["project"].split(".")[0])))
        assert record is not None
        assert (record.hostname, record.label_config) == (body["hostname"], body["schema"])
        assert record.access_token == body["access_token"]
    assert known_projects(settings.data_dir) == [25, 27]


def test_setup_names_the_version_that_is_served(client: FlaskClient, settings: Settings, services: Services) -> None:
    def named() -> str:
        return str(client.post("/setup", json=setup_body()).get_json()["model_version"])

    publish(settings, promote=True)
    assert named() == "v1"
    publish(settings, promote=False)
    assert named() == "v1"
    publish(settings, promote=True)
    assert named() == "v3"
    (VersionStore(folder_of(settings)).folder(3) / "weights.safetensors").write_bytes(b"damaged")
    services.health.refresh()
    assert named() == "v1"  # FA17


def test_setup_writes_only_what_is_new(client: FlaskClient, settings: Settings) -> None:
    client.post("/setup", json=setup_body())
    written = folder_of(settings).record.stat().st_mtime_ns
    client.post("/setup", json=setup_body(extra_params="  "))
    assert folder_of(settings).record.stat().st_mtime_ns == written
    client.post("/setup", json=setup_body(schema=OTHER_CONFIG))
    assert folder_of(settings).record.stat().st_mtime_ns > written


def test_CF12_a_changed_configuration_is_a_change_to_train_on(client: FlaskClient, settings: Settings) -> None:
    client.post("/setup", json=setup_body())
    assert not read_changes(folder_of(settings)).pending
    client.post("/setup", json=setup_body(schema=OTHER_CONFIG))
    assert read_changes(folder_of(settings)).pending


def test_setup_tells_the_prediction_side_that_somebody_looks_at_the_project(
    client: FlaskClient, predictor: StandInPredictor, services: Services
) -> None:
    services.loader.wait(time.monotonic() + 10)
    assert client.post("/setup", json=setup_body()).status_code == 200
    assert predictor.looked_at == [3]


def test_setup_refuses_a_score_threshold_that_is_none(client: FlaskClient) -> None:
    schema = setup_body()["schema"].replace("<RectangleLabels", '<RectangleLabels score_threshold="60%"')
    answer = client.post("/setup", json=setup_body(schema=schema))
    assert answer.status_code == 400
    assert answer.get_json()["error"]["code"] == "config_score_threshold"
    assert 'score_threshold="60%"' in str(answer.get_json())


@pytest.mark.parametrize(
    ("image", "control"), [("second", "first"), ("first", "first")], ids=["another image", "the first of two controls"]
)
def test_CF06_what_was_chosen_is_named_on_setup_and_in_the_log(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, image: str, control: str
) -> None:
    caplog.set_level(logging.INFO)
    schema = f"""<View><Image name="first" value="$a"/><Image name="second" value="$b"/>
      <RectangleLabels name="{control}" toName="{image}"><Label value="x"/></RectangleLabels>
      <RectangleLabels name="other" toName="first"><Label value="y"/></RectangleLabels></View>"""
    warnings = client.post("/setup", json=setup_body(schema=schema)).get_json()["warnings"]
    assert warnings == [f"several RectangleLabels tags; used: {control}", f"several Image tags; used: {image}"]
    logged = [record.__dict__["warning"] for record in caplog.records if record.msg == "labeling configuration"]
    assert logged == warnings


def test_CF13_five_thousand_labels_are_set_up_within_label_studios_patience(client: FlaskClient) -> None:
    labels = "".join(f'<Label value="label {number}"/>' for number in range(5000))
    schema = CONFIG.replace('<Label value="header"/>', labels)
    started = time.monotonic()
    assert client.post("/setup", json=setup_body(schema=schema)).status_code == 200
    assert client.post("/predict", json=predict_body(TASK, label_config=schema)).status_code == 200
    assert time.monotonic() - started < 3


def test_CF03_setup_of_a_project_without_labels_warns(client: FlaskClient) -> None:
    answer = client.post("/setup", json=setup_body(schema="<View/>"))
    assert answer.status_code == 200
    assert answer.get_json()["warnings"] == ["the labeling configuration has no labels yet"]


@pytest.mark.parametrize(
    ("schema", "code", "phrase"),
    [
        ("<View>", "config_xml", "not well-formed"),
        ("", "config_xml", "not well-formed"),
        (None, "config_xml", "not well-formed"),
        ('<View><Image name="i" value="$i"/></View>', "config_unsupported", "No RectangleLabels control"),
        (CONFIG.replace("$image", "https://x.test/ä.png"), "config_value", "must name a key"),
        (7, "bad_type", "schema must be a text"),
    ],
)
def test_the_cause_of_a_refused_configuration_is_in_the_reason_phrase(
    client: FlaskClient, settings: Settings, schema: object, code: str, phrase: str
) -> None:
    answer = client.post("/setup", json=setup_body(schema=schema))
    assert_error(answer, 400, code)
    assert phrase in answer.status
    assert known_projects(settings.data_dir) == []


def test_a_failed_disk_is_503_with_its_cause(client: FlaskClient, settings: Settings) -> None:
    (settings.data_dir / "projects").write_text("in the way")
    assert_error(client.post("/setup", json=setup_body()), 503, "storage")
    answer = client.post("/webhook", json=event_body())
    assert_error(answer, 503, "storage")
    assert answer.headers["Retry-After"]


# /predict


@pytest.mark.parametrize(
    "name", ["open-task", "open-task-multipage", "retrieve-predictions", "interactive-smart-region"]
)
def test_predict_as_label_studio_sends_it_has_one_entry_per_task(
    client: FlaskClient, predictor: StandInPredictor, recorded: Recorded, name: str
) -> None:
    for body in recorded(name, "/predict"):
        answer = client.post("/predict", json=body)
        assert answer.status_code == 200
        assert answer.get_json()["results"] == [[] for _ in body["tasks"]]
        assert [error["index"] for error in answer.get_json()["errors"]] == list(range(len(body["tasks"])))
        assert predictor.asked[-1] == (
            int(body["project"].split(".")[0]),
            body["tasks"],
            body["label_config"],
            body["params"]["context"],
        )


def test_RQ16_predict_takes_the_configuration_of_setup_also_after_a_restart(
    make_app: Callable[..., Flask], predictor: StandInPredictor
) -> None:
    make_app().test_client().post("/setup", json=setup_body())
    for body in (predict_body(TASK, label_config=None), {"project": 3, "tasks": [TASK]}):
        assert make_app().test_client().post("/predict", json=body).status_code == 200
        assert predictor.asked[-1][2] == CONFIG


def test_predict_for_a_project_without_configuration_says_so(client: FlaskClient) -> None:
    assert_error(client.post("/predict", json={"project": 3, "tasks": [TASK]}), 400, "no_label_config")


def test_predict_with_a_configuration_that_cannot_be_served_says_so(client: FlaskClient) -> None:
    answer = client.post("/predict", json=predict_body(TASK, label_config="<View><Text name='t' value='$t'/></View>"))
    assert_error(answer, 400, "config_unsupported")


@pytest.mark.parametrize("tasks", [None, "abc", {"id": 1}, 3, True, "missing"])
def test_RQ04_tasks_must_be_a_list(client: FlaskClient, predictor: StandInPredictor, tasks: object) -> None:
    body = predict_body() | {"tasks": tasks}
    if tasks == "missing":
        del body["tasks"]
    assert_error(client.post("/predict", json=body), 400, "bad_tasks")
    assert predictor.asked == []


def test_RQ05_no_tasks_are_no_results(client: FlaskClient) -> None:
    answer = client.post("/predict", json=predict_body())
    assert (answer.status_code, answer.get_json()) == (200, {"results": [], "errors": []})


def test_RQ09_too_many_tasks_are_refused_with_the_limit(make_app: Callable[..., Flask]) -> None:
    client = make_app(MAX_TASKS="3").test_client()
    assert client.post("/predict", json=predict_body(TASK, TASK, TASK)).status_code == 200
    error = assert_error(client.post("/predict", json=predict_body(*[TASK] * 4)), 413, "too_many_tasks")
    assert "the limit is 3" in error["message"]


def test_RQ10_a_body_over_the_limit_is_refused(make_app: Callable[..., Flask]) -> None:
    client = make_app(MAX_BODY_MB="1").test_client()
    answer = client.post("/predict", data=b'"' + b"x" * 1_000_001, content_type="application/json")
    error = assert_error(answer, 413, "body_too_large")
    assert "1 MB" in error["message"]


@pytest.mark.parametrize("version", [3, ["v1"], "../../../etc", "", "v1\n", {"a": 1}])
def test_RQ15_what_is_no_version_name_is_refused(client: FlaskClient, version: object) -> None:
    assert_error(client.post("/predict", json=predict_body(TASK, model_version=version)), 400, "bad_version")


@pytest.mark.parametrize("version", [None, "v1", "v999", "LayoutLMv3"])
def test_RQ15_any_version_name_gets_the_version_that_is_served(client: FlaskClient, version: object) -> None:
    assert client.post("/predict", json=predict_body(TASK, model_version=version)).status_code == 200


@pytest.mark.parametrize("params", [None, "text", {"context": None}, {"context": "x"}, []])
def test_a_context_that_is_none_is_no_context(client: FlaskClient, predictor: StandInPredictor, params: object) -> None:
    assert client.post("/predict", json=predict_body(TASK, params=params)).status_code == 200
    assert predictor.asked[-1][3] is None


def test_a_service_that_is_down_is_503_with_retry_after(client: FlaskClient, predictor: StandInPredictor) -> None:
    predictor.failure = ServiceError("label_studio_unreachable", "Label Studio does not answer", "see LABEL_STUDIO_URL")
    answer = client.post("/predict", json=predict_body(TASK))
    assert_error(answer, 503, "label_studio_unreachable")
    assert answer.headers["Retry-After"]
    assert answer.status == "503 Label Studio does not answer"


def test_a_defect_is_500_without_its_cause_and_logged_with_it(
    client: FlaskClient, predictor: StandInPredictor, caplog: pytest.LogCaptureFixture
) -> None:
    predictor.failure = ValueError("secret /some/path")
    answer = client.post("/predict", json=predict_body(TASK))
    assert_error(answer, 500, "internal")
    assert "secret" not in answer.text
    assert "secret /some/path" in caplog.text


def test_more_predictions_than_places_are_told_to_come_back(app: Flask, predictor: StandInPredictor) -> None:
    predictor.hold = threading.Event()
    with ThreadPoolExecutor(PREDICTION_PLACES + 2) as pool:
        asked = [
            pool.submit(app.test_client().post, "/predict", json=predict_body(TASK))
            for _ in range(PREDICTION_PLACES + 2)
        ]
        refused = [future.result() for _, future in zip(range(2), as_completed(asked), strict=False)]
        assert app.test_client().get("/health").status_code == 200
        predictor.hold.set()
    for answer in refused:
        assert_error(answer, 429, "busy")
        assert answer.headers["Retry-After"]
    assert sorted(future.result().status_code for future in asked) == [200] * PREDICTION_PLACES + [429] * 2


# /webhook


def test_every_recorded_webhook_is_accepted(client: FlaskClient, recorded: Recorded) -> None:
    names = ["annotation-created", "annotation-skipped", "annotation-updated", "annotations-created-from-predictions"]
    names += ["annotations-deleted", "project-updated", "tasks-created", "tasks-deleted"]
    for name in names:
        for body in recorded(f"webhook-{name}", "/webhook"):
            assert client.post("/webhook", json=body).status_code in (200, 201)


def test_a_saved_annotation_is_noted_on_disk(client: FlaskClient, settings: Settings, recorded: Recorded) -> None:
    [body] = recorded("webhook-annotation-created", "/webhook")
    answer = client.post("/webhook", json=body)
    assert (answer.status_code, answer.get_json()) == (201, {"status": "noted"})
    assert read_changes(folder_of(settings, 25)).changed == 1


@pytest.mark.parametrize("project", [3, "3.1700000000", {"id": 3, "title": "x"}])
def test_RQ19_a_webhook_may_hold_little(client: FlaskClient, settings: Settings, project: object) -> None:
    assert client.post("/webhook", json=event_body(project=project)).status_code == 201
    assert read_changes(folder_of(settings)).changed == 1


def test_several_annotations_of_one_webhook_count_each(client: FlaskClient, settings: Settings) -> None:
    client.post("/webhook", json=event_body("ANNOTATIONS_CREATED", annotation=[{}, {}, {}]))
    assert read_changes(folder_of(settings)).changed == 3


def test_RQ18_an_event_that_does_not_concern_training_is_ignored(client: FlaskClient, settings: Settings) -> None:
    for action in ("PROJECT_UPDATED", "LABEL_LINK_CREATED", "SOMETHING_NEW"):
        answer = client.post("/webhook", json=event_body(action))
        assert (answer.status_code, answer.get_json()) == (200, {"status": "ignored"})
    assert known_projects(settings.data_dir) == []


def test_RQ18_a_webhook_without_action_is_refused(client: FlaskClient) -> None:
    assert_error(client.post("/webhook", json={"project": 3}), 400, "bad_action")


def test_RQ13_a_webhook_without_project_is_refused(client: FlaskClient) -> None:
    assert_error(client.post("/webhook", json={"action": "ANNOTATION_CREATED"}), 400, "bad_project")


def test_start_training_is_noted_and_answered_with_a_job(
    client: FlaskClient, settings: Settings, recorded: Recorded
) -> None:
    [body] = recorded("start-training", "/webhook")
    answer = client.post("/webhook", json=body)
    assert answer.status_code == 201
    assert answer.get_json()["job"].startswith("train-25-")
    assert read_changes(folder_of(settings, 25)).forced


def test_a_changed_configuration_in_a_webhook_is_remembered_for_a_known_project_only(
    client: FlaskClient, settings: Settings
) -> None:
    changed = event_body("PROJECT_UPDATED", project={"id": 3, "label_config": OTHER_CONFIG})
    client.post("/webhook", json=changed)
    assert load_record(folder_of(settings)) is None
    client.post("/setup", json=setup_body())
    client.post("/webhook", json=changed)
    record = load_record(folder_of(settings))
    assert record is not None
    assert (record.label_config, record.hostname, record.access_token) == (OTHER_CONFIG, "http://ls.test", "t0ken")
    assert read_changes(folder_of(settings)).pending
    client.post("/webhook", json=event_body("PROJECT_UPDATED", project={"id": 3, "label_config": "<broken"}))
    assert load_record(folder_of(settings)) == record


def test_the_title_of_a_project_is_kept_from_webhooks_whatever_setup_says_later(
    client: FlaskClient, settings: Settings, app: Flask
) -> None:
    client.post("/setup", json=setup_body())
    for title in ("Receipts", "Receipts 2026", 7):
        client.post("/webhook", json=event_body("PROJECT_UPDATED", project={"id": 3, "title": title}))
    assert not read_changes(folder_of(settings)).pending, "a title is nothing to train on"
    client.post("/setup", json=setup_body())
    record = load_record(folder_of(settings))
    assert record is not None
    assert record.title == "Receipts 2026"
    app.extensions["backend"].health.refresh()
    assert client.get("/health").get_json()["projects"]["3"]["title"] == "Receipts 2026"


def test_RQ20_webhooks_at_once_are_all_counted(app: Flask, settings: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: app.test_client().post("/webhook", json=event_body()), range(200)))
    assert {answer.status_code for answer in answers} == {201}
    assert read_changes(folder_of(settings)).changed == 200


# /versions and the older routes


def test_versions_are_named_newest_first(client: FlaskClient, settings: Settings) -> None:
    assert client.get("/versions").get_json() == {"versions": []}
    for promote in (True, False):
        publish(settings, promote=promote)
    publish(settings, promote=True, project_id=4)
    assert client.get("/versions").get_json() == {"versions": ["v2", "v1"]}
    assert client.get("/versions?project=4.170").get_json() == {"versions": ["v1"]}
    assert_error(client.get("/versions?project=../4"), 400, "bad_project")


def test_older_routes_tell_of_a_run_from_the_wish_to_its_end(client: FlaskClient, settings: Settings) -> None:
    def told(job: str) -> tuple[Any, Any]:
        training = client.get("/is_training?project=3").get_json()["is_training"]
        return training, client.post("/job_status", json={"job": job}).get_json()

    assert told("train-3-1") == (False, {"job_status": "unknown", "error": ""})
    started = client.post("/train", json={"project": "3.170", "annotations": []})
    job = started.get_json()["job"]
    assert started.status_code == 201
    assert told(job) == (True, {"job_status": "waiting", "error": ""})
    write_run(folder_of(settings), RunState(job, Phase.RUNNING))
    assert told(job) == (True, {"job_status": "running", "error": ""})
    assert told("../../x")[1] == {"job_status": "unknown", "error": ""}


def test_an_ended_run_is_told_with_its_cause(client: FlaskClient, settings: Settings) -> None:
    write_run(folder_of(settings), RunState("train-3-ab", Phase.REFUSED, code="no_labels", message="no labels"))
    assert client.get("/is_training?project=3").get_json() == {"is_training": False}
    answer = client.post("/job_status", json={"job": "train-3-ab"})
    assert answer.get_json() == {"job_status": "refused", "error": "no labels"}


def test_an_older_route_without_its_argument_is_refused(client: FlaskClient) -> None:
    assert_error(client.get("/is_training"), 400, "bad_project")
    assert_error(client.post("/job_status", json={}), 400, "bad_type")
    assert_error(client.post("/train", json={}), 400, "bad_project")


# Every route


@pytest.mark.parametrize("path", ["/predict", "/setup", "/webhook", "/train", "/job_status"])
def test_RQ01_malformed_json_is_refused_by_every_route_and_the_next_request_is_normal(
    client: FlaskClient, path: str
) -> None:
    for body in (b"{", b'{"project": 3,}', b'{"a": NaN}'):
        error = assert_error(client.post(path, data=body, content_type="application/json"), 400, "bad_json")
        assert "line 1" in error["message"] or "NaN" in error["message"]
    assert client.post("/predict", json=predict_body(TASK)).status_code == 200


@pytest.mark.parametrize("path", ["/predict", "/setup", "/webhook", "/train", "/job_status"])
def test_RQ02_an_empty_body_or_one_that_is_no_json_is_refused_by_every_route(client: FlaskClient, path: str) -> None:
    assert_error(client.post(path, data=b"", content_type="application/json"), 400, "bad_json")
    assert_error(client.post(path, data=b"tasks=1", content_type="application/json"), 400, "bad_json")
    assert_error(client.post(path, data=b"tasks=1", content_type="application/x-www-form-urlencoded"), 415, "not_json")
    assert_error(client.post(path, data=b"{}", content_type="text/plain"), 415, "not_json")


@pytest.mark.parametrize("path", ["/predict", "/setup", "/webhook", "/train", "/job_status"])
@pytest.mark.parametrize("body", [b"[1,2]", b'"x"', b"null", b"7", b"false"])
def test_RQ03_json_that_is_no_object_is_refused_by_every_route(client: FlaskClient, path: str, body: bytes) -> None:
    error = assert_error(client.post(path, data=body, content_type="application/json"), 400, "bad_type")
    assert error["message"] == "the body must be an object"


@pytest.mark.parametrize(
    "value",
    ["NaN", "-Infinity", "1e999", "9" * 400, "[" * 10_000 + "]" * 10_000, '{"a": 1, "a": 2}', '"\\ud800"', '"\\u0000"'],
)
@pytest.mark.parametrize("field", ["tasks", "label_config", "schema", "annotation", "project", "model_version"])
def test_RQ12_odd_values_are_refused_or_handled_by_every_route(client: FlaskClient, field: str, value: str) -> None:
    for path in ("/predict", "/setup", "/webhook"):
        body = {**predict_body(TASK), **setup_body(), **event_body()}
        body.pop(field, None)
        spelt = json.dumps(body)[:-1] + f', "{field}": {value}}}'
        started = time.monotonic()
        answer = client.post(path, data=spelt, content_type="application/json")
        assert time.monotonic() - started < 5
        if answer.status_code not in (200, 201):
            assert_error(answer, 400, answer.get_json()["error"]["code"])


def test_RQ13_every_form_of_a_project_means_the_same_and_none_is_refused(
    client: FlaskClient, predictor: StandInPredictor
) -> None:
    for project in ("3.1700000000", 3, "3", {"id": 3}):
        assert client.post("/predict", json=predict_body(TASK, project=project)).status_code == 200
        assert predictor.asked[-1][0] == 3
    body = predict_body(TASK)
    del body["project"]
    assert_error(client.post("/predict", json=body), 400, "bad_project")
    body = setup_body()
    del body["project"]
    assert_error(client.post("/setup", json=body), 400, "bad_project")


@pytest.mark.parametrize("project", ["../../x", "3/../../x", "3" * 10_000, "3\x00", None])
@pytest.mark.parametrize("path", ["/predict", "/setup", "/webhook", "/train"])
def test_RQ14_what_is_no_project_is_refused_and_touches_nothing(
    client: FlaskClient, settings: Settings, path: str, project: object
) -> None:
    body = {**predict_body(TASK), **setup_body(), "action": "START_TRAINING", "project": project}
    assert_error(client.post(path, json=body), 400, "bad_project")
    assert known_projects(settings.data_dir) == []


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/static/x", 404, "not_found"),
        ("GET", "/projects//report", 404, "not_found"),
        ("GET", "/predict", 405, "method_not_allowed"),
        ("DELETE", "/health", 405, "method_not_allowed"),
        ("OPTIONS", "/predict", 405, "method_not_allowed"),
        ("OPTIONS", "/nowhere", 404, "not_found"),
        ("POST", "/versions", 405, "method_not_allowed"),
    ],
)
def test_RQ22_unknown_paths_and_methods_are_json(
    client: FlaskClient, method: str, path: str, status: int, code: str
) -> None:
    answer = client.open(path, method=method)
    assert_error(answer, status, code)
    assert ("Allow" in answer.headers) == (status == 405)


def test_RQ22_head_is_answered_without_a_body(client: FlaskClient) -> None:
    assert (client.head("/health").status_code, client.head("/health").data) == (200, b"")
    assert (client.head("/nowhere").status_code, client.head("/nowhere").data) == (404, b"")


def test_the_log_tells_of_each_request_without_its_secrets(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = make_app(WEBHOOK_KEY="k3y-of-hook", BASIC_AUTH_USER="u", BASIC_AUTH_PASS="s3cret").test_client()
    client.post("/webhook?key=k3y-of-hook", json=event_body())
    client.post("/setup", json=setup_body(access_token="t0ken-of-ls"), auth=("u", "s3cret"))
    client.post("/predict", json=predict_body("x"), auth=("u", "wr0ng"))
    client.get("/n0where-at-all")
    lines = [vars(record) for record in caplog.records if record.name == "backend.service.access_log"]
    told = [(line["route"], line["status"], line.get("project"), line.get("code")) for line in lines]
    assert told == [
        ("/webhook", 201, 3, None),
        ("/setup", 200, 3, None),
        ("/predict", 401, None, "unauthorized"),
        ("unknown", 401, None, "unauthorized"),
    ]
    everything = caplog.text + json.dumps(lines, default=str)
    for secret in ("k3y-of-hook", "s3cret", "t0ken-of-ls", "wr0ng", "n0where"):
        assert secret not in everything


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["project", "tasks", "label_config", "params", "schema", "hostname", "action", "annotation", "job"]


@given(st.data())
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
def test_no_body_makes_a_route_fail(client: FlaskClient, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(["/predict", "/setup", "/webhook", "/train", "/job_status"]))
    sound = {**predict_body(TASK), **setup_body(), **event_body(), "job": "train-3-ab"}
    body = {**sound, **data.draw(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=3))}
    answer = client.post(path, data=json.dumps(body), content_type="application/json")
    assert answer.status_code in (200, 201, 400)
    assert answer.is_json


def test_nothing_is_written_outside_the_data_folder(client: FlaskClient, settings: Settings, tmp_path: Path) -> None:
    client.post("/setup", json=setup_body())
    client.post("/webhook", json=event_body())
    assert [path.name for path in tmp_path.iterdir()] == [settings.data_dir.name]

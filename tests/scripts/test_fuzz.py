"""A share of `make fuzz` in this process, and that its judge finds what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from flask import Flask

from backend.service.app import create_app
from backend.service.loading import import_predictor
from backend.service.services import EXTENSION
from backend.settings import load_settings
from scripts.fuzz.campaign import fuzz_route, requests_of, routes_of
from scripts.fuzz.mutations import Request, mutated
from scripts.fuzz.raw import changed_head, first_answer
from scripts.fuzz.samples import CONFIG, SECRET, Sample, samples, small_page, uploads
from scripts.fuzz.senders import AppSender
from scripts.fuzz.service import publish_version
from scripts.fuzz.verdict import Answer, Judge
from scripts.speed.served_studio import stand_in_studio

SAMPLES = samples()
OWN = [sample for sample in SAMPLES if sample.route == "/predict"]
BODIES = 200
SEED = 20


@contextmanager
def application(data_dir: Path) -> Iterator[Flask]:
    """The real application with the real prediction side, a small trained project, and a stand-in for Label Studio."""
    publish_version(data_dir)
    with stand_in_studio(CONFIG) as studio:
        studio.images |= dict.fromkeys(uploads(), small_page())
        environ = {"DATA_DIR": str(data_dir), "BASE_MODEL": "none", "LABEL_STUDIO_URL": studio.url}
        settings = load_settings({**environ, "LABEL_STUDIO_API_KEY": SECRET, "MAX_BODY_MB": "1"})
        app = create_app(settings, predictor_loader=lambda: import_predictor(settings))
        yield app
        app.extensions[EXTENSION].stop()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with application(tmp_path_factory.mktemp("fuzz") / "data") as running:
        yield running


@pytest.mark.parametrize("route", routes_of(SAMPLES))
def test_no_changed_request_makes_a_route_fail(app: Flask, route: str, tmp_path: Path) -> None:
    judge = Judge([str(tmp_path.parent)])
    outcome = fuzz_route(route, SAMPLES, AppSender(app), judge, seed=SEED, indices=range(BODIES), senders=2)
    assert outcome.found == []
    assert sum(outcome.statuses.values()) == BODIES


def test_changed_predictions_reach_the_model(app: Flask) -> None:
    sound = [sample for sample in OWN if sample.body and "25.17" in sample.body["project"]]
    sender = AppSender(app)
    for sample in sound[:2]:
        answer = app.test_client().post("/predict", json=sample.body).get_json()
        assert answer["errors"] == []
        assert all(entry["model_version"] == "v1" for entry in answer["results"])
    answers = [sender(request) for _, request in requests_of("/predict", sound, seed=1, indices=range(40))]
    assert any(b'"model_version":"v1"' in answer.content for answer in answers)


def test_the_same_seed_changes_a_request_in_the_same_way() -> None:
    def made(seed: int) -> list[Request]:
        return [request for _, request in requests_of("/webhook", SAMPLES, seed=seed, indices=range(50))]

    assert made(1) == made(1)
    assert made(1) != made(2)
    assert changed_head(Random(3)) == changed_head(Random(3))


def test_a_request_does_not_depend_on_the_ones_before_it() -> None:
    [(_, alone)] = requests_of("/predict", SAMPLES, seed=1, indices=[7])
    [*_, (_, last)] = requests_of("/predict", SAMPLES, seed=1, indices=range(8))
    assert alone == last


def test_changes_are_of_every_kind() -> None:
    sample = Sample("/webhook", "POST", "/webhook", {"action": "ANNOTATION_CREATED", "project": {"id": 3}})
    sent = [mutated(Random(number), sample).body or b"" for number in range(500)]
    assert len(set(sent)) > 400
    assert any(b"etc/passwd" in body for body in sent)
    assert any(b"NaN" in body for body in sent)
    assert any(b"\x00" in body or b"\\u0000" in body for body in sent)
    assert any(body.startswith(b'{"action": "ANNOTATION_CREATED"') for body in sent)


ASKED = Request("/versions", "GET", "/versions")
JSON_HEADERS = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(0, "reset"),
        Answer(500, "x", JSON_HEADERS, b"{}"),
        Answer(502, "x", JSON_HEADERS, b"{}"),
        Answer(200, "OK", JSON_HEADERS, b'{"versions": "v1"}'),
        Answer(200, "OK", JSON_HEADERS, b'{"versions": [NaN]}'),
        Answer(200, "OK", JSON_HEADERS, b"{"),
        Answer(200, "OK", JSON_HEADERS, b'{"versions": ["/private/folder"]}'),
        Answer(200, "OK", JSON_HEADERS, b'{"versions": ["%s"]}' % SECRET.encode()),
        Answer(200, "Traceback (most recent call last)", JSON_HEADERS, b'{"versions": []}'),
        Answer(200, "Ä", JSON_HEADERS, b'{"versions": []}'),
        Answer(201, "CREATED", JSON_HEADERS, b'{"versions": []}'),
        Answer(404, "Not Found", {"content-type": "text/html"}, b"<html></html>"),
        Answer(404, "Not Found", JSON_HEADERS, b'{"error": "text"}'),
    ],
)
def test_the_judge_finds_what_is_wrong(answer: Answer) -> None:
    assert Judge(["/private/folder"]).faults(ASKED, answer)


def test_the_judge_finds_defects_that_cost_one_task_only() -> None:
    content = b'{"results": [[]], "errors": [{"task": 1, "index": 0, "code": "internal", "message": "a defect"}]}'
    assert Judge().faults(Request("/predict", "POST", "/predict"), Answer(200, "OK", JSON_HEADERS, content))


def test_the_judge_leaves_alone_what_is_right() -> None:
    assert Judge(["/private/folder"]).faults(ASKED, Answer(200, "OK", JSON_HEADERS, b'{"versions": ["v1"]}')) == []


def test_an_answer_is_read_from_its_bytes() -> None:
    received = b"HTTP/1.1 400 Bad thing\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK"
    assert first_answer(received) == Answer(
        400, "Bad thing", {"content-type": "application/json", "content-length": "2"}, b"{}"
    )
    assert first_answer(b"").status == 0
    assert first_answer(b"HTTP/1.1 100 Continue\r\n\r\n" + received).status == 400

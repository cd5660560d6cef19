"""Who is let in (rows RQ23 and RQ26)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

AppFactory = Callable[..., Flask]

EVENT = {"action": "ANNOTATION_CREATED", "project": 3}
BASIC = {"BASIC_AUTH_USER": "annoré", "BASIC_AUTH_PASS": "pass:wörd"}
ROUTES = [("GET", "/"), ("GET", "/health"), ("POST", "/setup"), ("POST", "/predict"), ("GET", "/versions")]
ROUTES += [
    ("GET", "/metrics"),
    ("POST", "/train"),
    ("GET", "/is_training"),
    ("POST", "/job_status"),
    ("GET", "/nowhere"),
]


def basic(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


@pytest.fixture
def guarded(make_app: AppFactory) -> FlaskClient:
    return make_app(**BASIC).test_client()


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic"},
        {"Authorization": "Basic not base64 at all"},
        {"Authorization": "Basic é"},
        {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:x").decode()},
        {"Authorization": "Bearer x"},
        basic("annoré:wrong"),
        basic("other:pass:wörd"),
        basic("annoré"),
        basic(":"),
    ],
)
def test_RQ23_without_the_right_credentials_every_route_is_401(
    guarded: FlaskClient, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = guarded.open(path, method=method, headers=headers)
    assert answer.status_code == 401
    assert answer.get_json()["error"]["code"] == "unauthorized"
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_RQ23_user_and_password_are_compared_whole_whichever_is_wrong(
    guarded: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    really = hmac.compare_digest

    def compare(given: bytes, expected: bytes) -> bool:
        compared.append((given, expected))
        return really(given, expected)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    for text in ("annoré:wrong", "other:pass:wörd", "other:wrong", ":"):
        compared.clear()
        assert guarded.get("/versions", headers=basic(text)).status_code == 401
        assert [expected for _, expected in compared] == ["annoré".encode(), "pass:wörd".encode()]


def test_with_the_right_credentials_routes_answer(guarded: FlaskClient) -> None:
    headers = basic("annoré:pass:wörd")
    assert guarded.get("/health", headers=headers).status_code == 200
    assert guarded.get("/versions", headers=headers).status_code == 200
    assert guarded.post("/predict", json={"project": 3, "tasks": 3}, headers=headers).status_code == 400


def test_without_settings_nobody_is_asked(make_app: AppFactory) -> None:
    client = make_app().test_client()
    assert client.get("/versions").status_code == 200
    assert client.get("/versions", headers=basic("any:body")).status_code == 200


def test_RQ26_the_webhook_is_open_unless_it_has_a_key(guarded: FlaskClient) -> None:
    assert guarded.post("/webhook", json=EVENT).status_code == 201


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/webhook", {}, 401),
        ("/webhook?key=", {}, 401),
        ("/webhook?key=wrong", {}, 401),
        ("/webhook?key=%FF%FE", {}, 401),
        ("/webhook?key=hook-k%C3%A9y", {}, 201),
        ("/webhook", basic("annoré:pass:wörd"), 201),
        ("/webhook", basic("annoré:wrong"), 401),
        ("/webhook?key=wrong", basic("annoré:pass:wörd"), 201),
        ("/health?key=hook-k%C3%A9y", {}, 401),
    ],
)
def test_RQ26_a_webhook_with_a_key_takes_it_or_the_credentials(
    make_app: AppFactory, path: str, headers: dict[str, str], status: int
) -> None:
    client = make_app(WEBHOOK_KEY="hook-kéy", **BASIC).test_client()
    send: Any = client.get if path.startswith("/health") else client.post
    assert send(path, headers=headers, json=EVENT).status_code == status


def test_a_webhook_key_without_credentials_in_the_settings_takes_only_the_key(make_app: AppFactory) -> None:
    client = make_app(WEBHOOK_KEY="k").test_client()
    assert client.post("/webhook", json=EVENT, headers=basic(":")).status_code == 401
    assert client.post("/webhook?key=k", json=EVENT).status_code == 201
    assert client.get("/versions").status_code == 200

"""The health checks of the containers, against a real HTTP server and a real Redis."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from redis import Redis
from rq.worker import Worker

from scripts.container_health import web_is_healthy, worker_is_healthy
from tests.conftest import SettingsFactory

# "häns:pa:ss" in UTF-8, as RFC 7617 writes it.
AUTHORIZATION = "Basic aMOkbnM6cGE6c3M="


@contextmanager
def web_server(status: int, *, authorization: str | None = None) -> Iterator[str]:
    """The port of a server that answers this status, and 401 to all but this Authorization header."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.headers["Authorization"] == authorization else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nothing on the tests' output."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield str(server.server_port)
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (401, False), (503, False), (404, False)])
def test_web_is_healthy_when_it_answers_that_it_is(make_settings: SettingsFactory, status: int, healthy: bool) -> None:
    with web_server(status) as port:
        assert web_is_healthy(make_settings(PORT=port)) is healthy


def test_web_is_asked_with_the_password_of_the_settings(make_settings: SettingsFactory) -> None:
    with web_server(200, authorization=AUTHORIZATION) as port:
        assert web_is_healthy(make_settings(PORT=port, BASIC_AUTH_USER="häns", BASIC_AUTH_PASS="pa:ss"))
        assert not web_is_healthy(make_settings(PORT=port, BASIC_AUTH_USER="häns", BASIC_AUTH_PASS="pass"))
        assert not web_is_healthy(make_settings(PORT=port))


def test_web_that_does_not_answer_is_not_healthy(make_settings: SettingsFactory) -> None:
    with web_server(200) as port:
        settings = make_settings(PORT=port)
    assert not web_is_healthy(settings)


def test_worker_is_healthy_while_it_is_registered(make_settings: SettingsFactory, redis_url: str) -> None:
    settings = make_settings(REDIS_URL=redis_url)
    assert not worker_is_healthy(settings)
    with Redis.from_url(redis_url) as connection:
        worker = Worker(["training"], connection=connection)
        worker.register_birth()
        assert worker_is_healthy(settings)
        worker.register_death()
    assert not worker_is_healthy(settings)


def test_worker_of_another_machine_does_not_count(
    make_settings: SettingsFactory, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Redis.from_url(redis_url) as connection:
        Worker(["training"], connection=connection).register_birth()
    monkeypatch.setattr("scripts.container_health.socket.gethostname", lambda: "another")
    assert not worker_is_healthy(make_settings(REDIS_URL=redis_url))

"""One log line for each request: what was asked, what was answered, how long it took. No query, no body, no header."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask, Response, g, request

from backend.logs import add_log_fields, log_fields

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

# Asked every few seconds by Label Studio, container health checks, Prometheus and open status pages.
_QUIET = frozenset({"backend.health", "backend.metrics", "ui.overview_part", "ui.training_part", "ui.doctor_part"})
_REQUEST_ID = "backend.request_id"


def keep_access_log(app: Flask) -> None:
    """Give each request an id, which all lines logged for it bear, and log it when it is answered."""
    app.wsgi_app = _with_request_id(app.wsgi_app)  # type: ignore[method-assign, assignment] # as Flask's documentation has it

    @app.before_request
    def begin() -> None:
        g.request_id = request.environ[_REQUEST_ID]
        g.started = time.monotonic()

    @app.after_request
    def end(answer: Response) -> Response:
        answer.headers["X-Request-Id"] = g.request_id
        fields = {
            "request_id": g.request_id,
            "method": request.method,
            "route": route_name(),
            "status": answer.status_code,
            "duration_ms": round(1000 * (time.monotonic() - g.started), 1),
            "project": g.get("project_id"),
            "code": g.get("error_code"),
            "cause": g.get("error_message"),
        }
        log.log(_level(answer.status_code), "request", extra={k: v for k, v in fields.items() if v is not None})
        return answer


def about_project(project_id: int) -> None:
    """Say which project the current request is about, as soon as that is known."""
    g.project_id = project_id
    add_log_fields(project=project_id)


def route_name() -> str:
    """The rule that the current request met, not its address: an address may hold anything."""
    return request.url_rule.rule if request.url_rule else "unknown"


def _with_request_id(application: WSGIApplication) -> WSGIApplication:
    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[_REQUEST_ID] = uuid.uuid4().hex
        with log_fields(request_id=environ[_REQUEST_ID]):
            return application(environ, start_response)

    return answer


def _level(status: int) -> int:
    if status >= 400:
        return logging.WARNING
    return logging.DEBUG if request.endpoint in _QUIET else logging.INFO

"""One log line for each request: what was asked, what was answered, how long it took. No query, no body, no header."""

from __future__ import annotations

import logging
import time
import uuid

from flask import Flask, Response, g, request

log = logging.getLogger(__name__)

# Asked every few seconds by Label Studio, container health checks and Prometheus.
_QUIET = frozenset({"backend.health", "backend.metrics"})


def keep_access_log(app: Flask) -> None:
    """Give each request an id, and log it when it is answered."""

    @app.before_request
    def begin() -> None:
        g.request_id = uuid.uuid4().hex
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


def route_name() -> str:
    """The rule that the current request met, not its address: an address may hold anything."""
    return request.url_rule.rule if request.url_rule else "unknown"


def _level(status: int) -> int:
    if status >= 400:
        return logging.WARNING
    return logging.DEBUG if request.endpoint in _QUIET else logging.INFO

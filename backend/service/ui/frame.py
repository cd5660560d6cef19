"""What all pages of the status page have in common: headers, the page of an error, how times and shares are told."""

from __future__ import annotations

import time

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from backend.service.answers import error_answer

HEADERS = {
    # No inline script or style: what a label or a message might smuggle in is never run.
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`, with which browsers send forms with the origin "null".
    "Referrer-Policy": "same-origin",
}
MINUTE_S = 60
UNITS_S = ((86400, "day"), (3600, "hour"), (MINUTE_S, "minute"))
"""The larger first."""


def frame(ui: Blueprint) -> None:
    """Give a blueprint's pages their headers, filters and page of errors."""
    ui.after_request(_with_headers)
    ui.register_error_handler(Exception, error_page)
    ui.before_app_request(open_in_browser)
    for told in (ago, moment, percent):
        ui.add_app_template_filter(told)


def open_in_browser() -> ResponseReturnValue | None:
    """Send a browser that opens the bare address to the status page.

    Label Studio, Prometheus and health checks do not ask for HTML, and get the health answer.
    """
    if request.path != "/" or request.method != "GET" or "text/html" not in request.accept_mimetypes.values():
        return None
    answer = redirect(url_for("ui.overview"))
    answer.headers["Vary"] = "Accept"
    return answer


def error_page(error: Exception) -> Response:
    """The answer to a request that failed, as the other routes give it, but for people."""
    answer = error_answer(error)
    answer.set_data(render_template("error.html", **answer.get_json(), status=answer.status_code))
    answer.mimetype = "text/html"
    return answer


def _with_headers(answer: Response) -> Response:
    answer.headers.update(HEADERS)
    if request.endpoint != "ui.static":
        answer.headers["Cache-Control"] = "no-store"
    return answer


def ago(seconds: float) -> str:
    """How long ago a time was, given in seconds since the epoch."""
    passed = max(0.0, time.time() - seconds)
    if passed < MINUTE_S:
        return "just now"
    unit_s, unit = next((size, name) for size, name in UNITS_S if passed >= size)
    count = int(passed // unit_s)
    return f"{count} {unit}{'' if count == 1 else 's'} ago"


def moment(text: str) -> str:
    """A time as files hold it (UTC, ISO 8601), for people: to the minute."""
    return text[:16].replace("T", " ") + " UTC" if text else ""


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"

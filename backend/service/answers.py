"""The one form of an error: JSON, and its sentence in the reason phrase, the only text that Label Studio shows."""

from __future__ import annotations

import logging
import re

from flask import Response, g, jsonify
from werkzeug.exceptions import HTTPException

from backend.errors import BackendError

log = logging.getLogger(__name__)

_RETRY_AFTER_S = {429: 5, 503: 10}


def error_answer(error: Exception) -> Response:
    """The answer to a request that failed, whatever failed; an unforeseen failure is logged with its traceback."""
    if isinstance(error, BackendError):
        status, code, message, hint = error.http_status, error.code, error.message, error.hint
    elif isinstance(error, HTTPException) and error.code is not None:
        status, code, message, hint = error.code, _slug(error.name), error.name, ""
    else:
        log.error("unforeseen failure", exc_info=error, extra={"code": "internal"})
        status, code, message, hint = 500, "internal", "unforeseen failure in the backend", "see its log"
    g.error_code, g.error_message = code, message
    answer = jsonify({"error": {"code": code, "message": message, "hint": hint}, "request_id": g.request_id})
    answer.status = f"{status} {reason_phrase(message)}"
    if status in _RETRY_AFTER_S:
        answer.headers["Retry-After"] = str(_RETRY_AFTER_S[status])
    if isinstance(error, HTTPException):
        for name, value in error.get_headers():
            if name == "Allow":
                answer.headers[name] = value
    return answer


def reason_phrase(message: str) -> str:
    """A sentence as one line of at most 120 printable ASCII characters; others are escaped."""
    escaped = message.encode("ascii", "backslashreplace").decode("ascii")
    printable = re.sub(r"[^\x20-\x7e]+", " ", escaped).strip()
    return printable[:120].rstrip() or "error"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z]+", "_", name.lower()).strip("_")

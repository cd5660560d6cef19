"""gunicorn's worker of threads, with the product's answer for what is no HTTP and never reaches the application."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import uuid
from http import HTTPStatus

from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import ThreadWorker

log = logging.getLogger(__name__)

SEND_S = 5.0


class HttpWorker(ThreadWorker):  # type: ignore[misc] # gunicorn ships no types
    """Answers malformed requests in JSON, and logs them without repeating what they hold."""

    def handle_error(self, req: object, client: socket.socket, addr: object, exc: Exception) -> None:
        """Called by gunicorn for a request that it cannot read, or whose answer failed outside of the application."""
        request_id = uuid.uuid4().hex
        status, code, message = _meaning(exc)
        fields = {"request_id": request_id, "code": code, "status": status.value, "cause": type(exc).__name__}
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("unforeseen failure", extra=fields, exc_info=exc)
        else:
            log.warning("request", extra=fields)
        body = json.dumps({"error": {"code": code, "message": message, "hint": ""}, "request_id": request_id}).encode()
        head = (
            f"HTTP/1.1 {status.value} {message}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"X-Request-Id: {request_id}\r\nConnection: close\r\n\r\n"
        )
        with contextlib.suppress(OSError):  # whoever sent this may be gone
            client.settimeout(SEND_S)
            client.sendall(head.encode("ascii") + body)


def _meaning(error: Exception) -> tuple[HTTPStatus, str, str]:
    """Status, code and message."""
    if isinstance(error, LimitRequestLine):
        return HTTPStatus.REQUEST_URI_TOO_LONG, "address_too_long", "the address of the request is too long"
    if isinstance(error, LimitRequestHeaders):
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", "the headers are too large"
    if isinstance(error, ParseException):
        return HTTPStatus.BAD_REQUEST, "bad_http", "the request is not well-formed HTTP"
    return HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "unforeseen failure in the backend"

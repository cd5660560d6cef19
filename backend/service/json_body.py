"""From the bytes of a request to a JSON object, within limits of size, depth and time."""

from __future__ import annotations

import contextlib
import json
import math
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

from flask import Request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from backend.errors import RequestError

MAX_DEPTH = 64
BODY_TIMEOUT_S = 30.0

_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


def read_object(request: Request, *, timeout_s: float = BODY_TIMEOUT_S) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises:
        RequestError: 408 `body_too_slow`, 413 `body_too_large`, 415 `not_json`, 400 `bad_json`, `bad_type`,
            `bad_chunks` or `body_incomplete`.
    """
    if request.mimetype not in ("", "application/json") and not request.mimetype.endswith("+json"):
        raise RequestError("not_json", "the body must be JSON (Content-Type: application/json)", status=415)
    return parse_object(read_body(request, timeout_s=timeout_s))


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object that these bytes spell.

    Raises:
        RequestError: `bad_json` malformed, too deep, or with what JSON does not have; `bad_type` no object.
    """
    if not body.strip():
        raise RequestError("bad_json", "the body is empty; a JSON object is expected")
    try:
        text = body.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise RequestError("bad_json", f"the body is not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise RequestError("bad_json", f"malformed JSON at {where}: {error.msg}") from error
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:  # a whole number of more digits than Python converts
        raise RequestError("bad_json", "the body holds a number that is too long") from error
    if not isinstance(value, dict):
        raise RequestError("bad_type", "the body must be an object")
    # A body with fewer brackets than the limit cannot be deeper, which saves walking through large ones.
    if text.count("[") + text.count("{") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise _too_deep()
    if _SURROGATE_ESCAPE.search(text):
        _refuse_lone_surrogates(value)
    return value


def read_body(request: Request, *, timeout_s: float = BODY_TIMEOUT_S) -> bytes:
    """The bytes of a request's body.

    Raises:
        RequestError: 408 `body_too_slow`, 413 `body_too_large`, 400 `bad_chunks` or `body_incomplete`.
    """
    limit = request.max_content_length
    expired = threading.Event()
    try:
        with _hang_up_after(timeout_s, request.environ.get("gunicorn.socket"), expired):
            body = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise _too_large(limit) from error
    except (ClientDisconnected, OSError) as error:
        if not expired.is_set():
            raise RequestError("body_incomplete", "the connection ended before the body did") from error
        body = b""
    except Exception as error:  # the server's own parser reads here, and has no class of errors that is known to us
        raise RequestError("bad_chunks", f"the body is not well chunked ({type(error).__name__})") from error
    if expired.is_set():
        raise RequestError("body_too_slow", f"the body took longer than {timeout_s:.0f} s", status=408)
    # A body that does not tell its length is cut at the limit without a word.
    if limit is not None and request.content_length is None and len(body) >= limit:
        raise _too_large(limit)
    return body


@contextlib.contextmanager
def _hang_up_after(timeout_s: float, sock: socket.socket | None, expired: threading.Event) -> Iterator[None]:
    """Ends the reading from a socket after a time; the answer can still be sent on it.

    A time limit of the socket would not do: it starts anew with each byte of a slow body.
    """
    if sock is None:  # not under gunicorn
        yield
        return

    def hang_up() -> None:
        expired.set()
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RD)

    timer = threading.Timer(timeout_s, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _refuse_constant(name: str) -> NoReturn:
    raise RequestError("bad_json", f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise RequestError("bad_json", "the body holds a number that is too large")
    return number


def _refuse_lone_surrogates(value: dict[str, Any]) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise RequestError("bad_json", "the body holds half of a surrogate pair") from error


def _too_large(limit: int | None) -> RequestError:
    return RequestError("body_too_large", f"the body is larger than {(limit or 0) // 1_000_000} MB", status=413)


def _too_deep() -> RequestError:
    return RequestError("bad_json", f"the body is nested deeper than {MAX_DEPTH} levels")


def _deeper_than(value: object, limit: int) -> bool:
    level: list[object] = [value]
    for _ in range(limit):
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)  # type: ignore[attr-defined]
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True

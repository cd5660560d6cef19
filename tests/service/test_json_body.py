"""Bodies of requests: what is JSON, and what is refused with which words (rows RQ01 to RQ03, RQ10 to RQ12)."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from backend.errors import RequestError
from backend.service.json_body import MAX_DEPTH, parse_object, read_object

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def refusal(body: bytes) -> RequestError:
    with pytest.raises(RequestError) as caught:
        parse_object(body)
    return caught.value


def request_of(data: Any, *, content_type: str | None = "application/json", **environ: Any) -> Request:
    builder = EnvironBuilder(method="POST", data=data, content_type=content_type, environ_overrides=environ)
    return Request(builder.get_environ())


@given(st.dictionaries(st.text(), JSON))
def test_every_object_is_read_as_python_reads_it(value: dict[str, Any]) -> None:
    for ascii_only in (True, False):
        assert parse_object(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        value = parse_object(body)
    except RequestError as error:
        assert error.http_status == 400  # noqa: PT017 # both ends are right
    else:
        assert isinstance(value, dict)


def test_RQ01_malformed_json_is_refused_with_its_place() -> None:
    error = refusal(b'{"a": 1,\n "b": }')
    assert (error.code, error.http_status) == ("bad_json", 400)
    assert "line 2" in error.message


@pytest.mark.parametrize("body", [b"", b"  \n", b"\xff\xfe{}", b"hello", b"{} {}"])
def test_RQ02_what_is_no_json_is_refused(body: bytes) -> None:
    assert refusal(body).code == "bad_json"


@pytest.mark.parametrize("body", [b"[1, 2]", b'"x"', b"null", b"3", b"true"])
def test_RQ03_json_of_another_type_is_refused(body: bytes) -> None:
    error = refusal(body)
    assert (error.code, error.message) == ("bad_type", "the body must be an object")


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000, '"\\ud800"', '"\\udc00\\ud800"']
)
def test_RQ12_what_json_does_not_have_is_refused(value: str) -> None:
    assert refusal(f'{{"a": [{value}]}}'.encode()).code == "bad_json"


@pytest.mark.parametrize("value", ["9" * 400, '"\\u0000"', '"\\ud83d\\ude00"', "1e308"])
def test_RQ12_odd_json_is_read(value: str) -> None:
    assert parse_object(f'{{"a": {value}, "a": {value}}}'.encode()) == {"a": json.loads(value)}


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_RQ12_depth_is_limited(opening: str) -> None:
    closing = "]" if opening == "[" else "}"

    def nested(levels: int) -> bytes:
        return f'{{"a": {opening * (levels - 1)} 1 {closing * (levels - 1)}}}'.encode()

    assert parse_object(nested(MAX_DEPTH))
    for levels in (MAX_DEPTH + 1, 10_000, 200_000):
        assert "deeper" in refusal(nested(levels)).message


def test_a_wide_body_is_not_deep() -> None:
    assert len(parse_object(json.dumps({"a": [[] for _ in range(1000)]}).encode())["a"]) == 1000


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "text/x+json", None])
def test_json_is_read_by_any_of_its_names(content_type: str | None) -> None:
    assert read_object(request_of(b'{"a": 1}', content_type=content_type)) == {"a": 1}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_RQ02_another_content_type_is_refused(content_type: str) -> None:
    with pytest.raises(RequestError) as caught:
        read_object(request_of(b'{"a": 1}', content_type=content_type))
    assert (caught.value.code, caught.value.http_status) == ("not_json", 415)


class SlowBody:
    """A body that arrives from a socket, as gunicorn hands it over."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def read(self, size: int = -1) -> bytes:
        return self.sock.recv(size)


@pytest.fixture
def wire() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_RQ11_a_body_that_trickles_is_given_up(wire: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = wire
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(0.02):
            theirs.sendall(b" ")

    threading.Thread(target=trickle, daemon=True).start()
    environ = {"wsgi.input": SlowBody(ours), "CONTENT_LENGTH": "1000", "gunicorn.socket": ours}
    started = time.monotonic()
    with pytest.raises(RequestError) as caught:
        read_object(request_of(None, **environ), timeout_s=0.2)
    stop.set()
    assert (caught.value.code, caught.value.http_status) == ("body_too_slow", 408)
    assert time.monotonic() - started < 2
    ours.sendall(b"HTTP/1.1 408")  # the answer can still be sent
    assert theirs.recv(12) == b"HTTP/1.1 408"


def test_a_body_that_ends_early_is_refused(wire: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = wire
    theirs.sendall(b"{")
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(RequestError) as caught:
        read_object(request_of(None, **{"wsgi.input": SlowBody(ours), "CONTENT_LENGTH": "9", "gunicorn.socket": ours}))
    assert caught.value.code == "body_incomplete"

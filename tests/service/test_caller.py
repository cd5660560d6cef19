"""Whether a client still waits: real connections, closed in real ways (row RQ24)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from backend.service.caller import waits
from tests.waiting import wait_until


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's end and the client's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        ours, _ = server.accept()
        with ours, client:
            yield ours, client


def watch(connection: socket.socket | None) -> Callable[[], bool]:
    environ = EnvironBuilder(environ_overrides={"gunicorn.socket": connection}).get_environ()
    return waits(Request(environ))


def test_a_quiet_client_waits(connection: tuple[socket.socket, socket.socket]) -> None:
    is_awaited = watch(connection[0])
    assert is_awaited()
    assert is_awaited()


def test_a_client_that_sends_its_next_request_waits_and_loses_nothing_of_it(
    connection: tuple[socket.socket, socket.socket],
) -> None:
    ours, client = connection
    client.sendall(b"GET /health")
    assert watch(ours)()
    assert ours.recv(100) == b"GET /health"


def test_a_client_that_closed_its_connection_waits_no_more(connection: tuple[socket.socket, socket.socket]) -> None:
    ours, client = connection
    is_awaited = watch(ours)
    client.close()
    wait_until(lambda: not is_awaited(), 10, "the end is seen")


def test_a_client_that_broke_its_connection_waits_no_more(connection: tuple[socket.socket, socket.socket]) -> None:
    ours, client = connection
    is_awaited = watch(ours)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing becomes a reset
    client.close()
    wait_until(lambda: not is_awaited(), 10, "the reset is seen")


def test_under_another_server_every_client_is_taken_to_wait() -> None:
    assert watch(None)()

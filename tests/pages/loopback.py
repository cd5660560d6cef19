"""Real HTTP servers on loopback that answer byte for byte what a test says, faults included."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.parser import Parser
from threading import Lock, Thread
from types import TracebackType

NAMES_OF_THIS_MACHINE = (
    *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "017700000001", "0.0.0.0"),
    *("[::1]", "[::ffff:127.0.0.1]", "localhost", "localhost.", "LOCALHOST"),
)


@dataclass(frozen=True)
class Asked:
    """A request as it came over the wire; header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Answer = bytes | Iterable[bytes]


class Listener:
    """A server on 127.0.0.1; each connection carries one request.

    Args:
        answer: the raw bytes to send for a request, at once or piece by piece. The connection is closed after them.
        wrap: makes the accepted socket something else, such as TLS.
    """

    def __init__(
        self, answer: Callable[[Asked], Answer], wrap: Callable[[socket.socket], socket.socket] | None = None
    ) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self._answer = answer
        self._wrap = wrap
        self._lock = Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Listener:
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with self._wrap(connection) if self._wrap else connection as stream:
                asked = _read_request(stream)
                with self._lock:
                    self.asked.append(asked)
                    answer = self._answer(asked)
                for piece in [answer] if isinstance(answer, bytes) else answer:
                    stream.sendall(piece)
        except OSError:
            return  # the client has gone, as many tests want it to


def _read_request(stream: socket.socket) -> Asked:
    with stream.makefile("rb") as lines:
        method, target, _ = lines.readline().decode("latin-1").split(" ", 2)
        head = iter(lambda: lines.readline().decode("latin-1"), "\r\n")
        headers = {name.lower(): value for name, value in Parser().parsestr("".join(head)).items()}
        return Asked(method, target, headers, lines.read(int(headers.get("content-length", "0"))))


def reply(body: bytes = b"", status: int = 200, **headers: str) -> bytes:
    """A whole answer; keywords become headers with `_` as `-`. `Content-Length` is right unless it is given."""
    usual = {"content-length": str(len(body)), "connection": "close"}
    fields = {**usual, **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode("latin-1") + body


def in_turn(*answers: Answer) -> Callable[[Asked], Answer]:
    """Gives one answer after the other and stays with the last."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def closed_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port

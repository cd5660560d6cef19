"""HTTP connections that go only to addresses which were checked, and that end at a deadline.

The address that is connected to is the very one that was checked, so a name that resolves differently the next time
gains nothing; `Host` and the name in the certificate stay the original ones.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from backend.pages.addresses import is_allowed

# As `socket.getaddrinfo` gives it: family, type, protocol, canonical name, socket address.
AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]
Resolve = Callable[[str, int], Sequence[AddressInfo]]

# When the fetch that this thread is doing must be over, by `time.monotonic`. Set around a fetch; http.client offers no
# way to hand a value down to where it reads.
DEADLINE: ContextVar[float] = ContextVar("DEADLINE")


class ForbiddenAddress(Exception):
    """The host has an address that must not be contacted."""


class Unreachable(Exception):
    """The host has no address, or none of them takes a connection."""


def resolve(host: str, port: int) -> Sequence[AddressInfo]:
    """Every address of a host, as the system knows them."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def left_s() -> float:
    """Seconds until the deadline.

    Raises:
        TimeoutError: it has passed.
    """
    left = DEADLINE.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


class CheckedAdapter(HTTPAdapter):
    """Transport of `requests` for hosts of one trust.

    Args:
        private: the hosts may have private addresses.
        resolve: gives the addresses of a host.
    """

    def __init__(self, *, private: bool, resolve: Resolve) -> None:
        self._pools = _pool_classes(private, resolve)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools


def _pool_classes(private: bool, resolve: Resolve) -> dict[str, type[HTTPConnectionPool]]:
    """Connection pools by scheme; urllib3 makes connections from classes, so what they check is bound here."""

    class Plain(HTTPConnection):
        response_class = _TimedResponse

        def _new_conn(self) -> socket.socket:
            return _connected(_checked(self._dns_host, self.port, private, resolve), self.timeout)

    class Tls(HTTPSConnection):
        response_class = _TimedResponse

        def _new_conn(self) -> socket.socket:
            return _connected(_checked(self._dns_host, self.port, private, resolve), self.timeout)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}


def _checked(host: str, port: int, private: bool, resolve: Resolve) -> Sequence[AddressInfo]:
    """The addresses of a host, all of them allowed."""
    try:
        found = resolve(host.strip("[]").rstrip("."), port)
    except (socket.gaierror, UnicodeError) as fault:
        raise Unreachable("the host name is not known") from fault
    if not all(is_allowed(str(address[0]), private=private) for *_, address in found):
        raise ForbiddenAddress(host)
    return found


def _connected(found: Sequence[AddressInfo], timeout_s: float | None) -> socket.socket:
    """A connection to the first of the addresses that takes one."""
    fault: OSError | None = None
    for family, kind, protocol, _, address in found:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(left_s() if timeout_s is None else min(timeout_s, left_s()))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect(address)
        except OSError as error:
            connection.close()
            fault = error
        else:
            return connection
    raise Unreachable("no connection") from fault


class _TimedResponse(http.client.HTTPResponse):
    """Reads status, headers and body under the deadline; http.client alone bounds only the gap between two reads."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReader(sock, self.fp.detach()))


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock = sock
        self._raw = raw
        self._gap_s = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        left = left_s()
        self._sock.settimeout(left if self._gap_s is None else min(self._gap_s, left))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()

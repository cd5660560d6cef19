"""Ways to send a request: over HTTP, or to an application in this process."""

from __future__ import annotations

import http.client
import threading

from flask import Flask

from scripts.fuzz.mutations import Request
from scripts.fuzz.verdict import Answer

PATIENCE_S = 120.0


class HttpSender:
    """Sends over connections that stay open, one for each thread.

    Args:
        credentials: sent where a request has none of its own; empty for none.
    """

    def __init__(self, port: int, credentials: str = "") -> None:
        self.port = port
        self._credentials = credentials
        self._connections = threading.local()

    def __call__(self, request: Request) -> Answer:
        connection: http.client.HTTPConnection | None = getattr(self._connections, "open", None)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        self._connections.open = None
        headers = ({"Authorization": self._credentials} if self._credentials else {}) | dict(request.headers)
        try:
            connection.request(request.method, request.target, request.body, headers)
            found = connection.getresponse()
            content = found.read()
        except ConnectionError:
            # The server ends idle connections, which says nothing of the request: once more, on a new one.
            connection.close()
            return self._once(request, headers)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return Answer(0, repr(error))
        self._connections.open = connection
        return _answer(found, content)

    def _once(self, request: Request, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(request.method, request.target, request.body, headers)
            found = connection.getresponse()
            return _answer(found, found.read())
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, repr(error))
        finally:
            connection.close()


def _answer(found: http.client.HTTPResponse, content: bytes) -> Answer:
    headers = {name.lower(): value for name, value in found.getheaders()}
    return Answer(found.status, found.reason, headers, content)


class AppSender:
    """Sends to an application of this process."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __call__(self, request: Request) -> Answer:
        found = self._app.test_client().open(
            request.target, method=request.method, data=request.body, headers=dict(request.headers)
        )
        reason = found.status.partition(" ")[2]
        return Answer(found.status_code, reason, {k.lower(): v for k, v in found.headers.items()}, found.data)

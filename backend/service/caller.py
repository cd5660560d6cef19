"""Whether the client that sent a request still waits for its answer."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from flask import Request


def waits(request: Request) -> Callable[[], bool]:
    """Tells, from any thread and at any time before the answer, whether the client is still there.

    gunicorn gives no sign when a client hangs up in the middle of a request, so the connection itself is looked at.
    Under another server every client is taken to wait.
    """
    connection: Any = request.environ.get("gunicorn.socket")
    return lambda: connection is None or not _has_hung_up(connection)


def _has_hung_up(connection: socket.socket) -> bool:
    """Whether the other side has closed the connection; nothing is taken from it."""
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False  # it is quiet, as it should be
    except ValueError:
        return False  # TLS takes no flags
    except OSError:
        return True  # reset

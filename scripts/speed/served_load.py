"""Requests sent on a schedule, whatever the answers do, and how long these take."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np

SENDERS = 128
"""Requests under way at once; with more outstanding ones the wait for a sender counts as latency too."""
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Call:
    """A request that is sent again and again.

    Attributes:
        body: sent as JSON; None for a GET.
        each_second: how often.
    """

    path: str
    each_second: float
    body: Any = None


@dataclass(slots=True)
class Answers:
    """What came of the requests of one call.

    Attributes:
        seconds: of each, from the moment at which it was due to the end of its answer.
        errors: answers of 400 and more, and requests without an answer.
    """

    seconds: list[float] = field(default_factory=list)
    errors: int = 0

    def quantile(self, share: float) -> float:
        """Seconds that a share of the requests, 0 to 1, did not exceed."""
        return float(np.quantile(self.seconds, share)) if self.seconds else float("inf")


def ask(url: str, path: str, body: Any = None, patience_s: float = PATIENCE_S) -> tuple[int, Any]:
    """Status and JSON of one request; raises as `exchange`, and ValueError for an answer that is no JSON."""
    status, _, content = exchange(url, path, body, patience_s)
    return status, json.loads(content)


def exchange(url: str, path: str, body: Any, patience_s: float) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and content of what one request is answered, on a connection of its own as Label Studio does it.

    Args:
        body: sent as JSON; None for a GET.

    Raises:
        OSError or http.client.HTTPException: there is no answer.
    """
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=patience_s)
    try:
        if body is None:
            connection.request("GET", path)
        else:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


@contextmanager
def load(url: str, calls: Sequence[Call]) -> Iterator[dict[str, Answers]]:
    """Sends the calls until the end of the block; the answers by path are complete after it."""
    answers = {call.path: Answers() for call in calls}
    enough = threading.Event()

    def send(call: Call, due: float) -> None:
        try:
            status, _ = ask(url, call.path, call.body)
        except (OSError, ValueError, http.client.HTTPException):
            status = 0
        answers[call.path].seconds.append(time.monotonic() - due)
        answers[call.path].errors += not 200 <= status < 400

    def keep_sending(call: Call) -> None:
        due = time.monotonic()
        while not enough.wait(max(0.0, due - time.monotonic())):
            senders.submit(send, call, due)
            due += 1 / call.each_second

    with ThreadPoolExecutor(SENDERS) as senders:
        schedules = [threading.Thread(target=keep_sending, args=(call,)) for call in calls]
        for schedule in schedules:
            schedule.start()
        try:
            yield answers
        finally:
            enough.set()
            for schedule in schedules:
                schedule.join()

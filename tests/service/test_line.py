"""The line of predictions: few at a time, few waiting, the rest turned away."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.errors import RequestError
from backend.service.line import PredictionLine


def refused(line: PredictionLine, deadline: float) -> RequestError:
    with pytest.raises(RequestError) as caught, line.turn(deadline):
        pass
    return caught.value


def test_no_more_run_than_allowed_and_all_who_wait_get_their_turn() -> None:
    line = PredictionLine(running=2, places=8)
    inside, most, lock = 0, 0, threading.Lock()

    def visit(_: int) -> None:
        nonlocal inside, most
        with line.turn(time.monotonic() + 10):
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.02)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(visit, range(8)))) == 8
    assert most == 2


def test_who_finds_every_place_taken_is_refused_at_once() -> None:
    line = PredictionLine(running=1, places=1)
    with line.turn(time.monotonic() + 10):
        started = time.monotonic()
        error = refused(line, started + 10)
        assert time.monotonic() - started < 1
    assert (error.code, error.http_status) == ("busy", 429)
    with line.turn(time.monotonic()):
        pass  # the place is free again


def test_who_waits_until_the_deadline_is_refused_and_leaves_its_place() -> None:
    line = PredictionLine(running=1, places=2)
    with line.turn(time.monotonic() + 10):
        for _ in range(3):
            assert refused(line, time.monotonic() + 0.02).code == "busy"


def test_a_prediction_that_fails_gives_its_turn_back() -> None:
    line = PredictionLine(running=1, places=1)
    with pytest.raises(ZeroDivisionError), line.turn(time.monotonic() + 1):
        _ = 1 / 0
    with line.turn(time.monotonic()):
        pass

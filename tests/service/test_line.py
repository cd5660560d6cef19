"""The places of predictions: so many at a time, the rest turned away."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from backend.errors import RequestError
from backend.service.line import PredictionLine


def refused(line: PredictionLine) -> RequestError:
    with pytest.raises(RequestError) as caught, line.place():
        pass
    return caught.value


def test_all_who_hold_a_place_are_at_work_and_the_next_is_refused_at_once() -> None:
    line = PredictionLine(places=3)
    with ExitStack() as inside:
        for _ in range(3):
            inside.enter_context(line.place())
        error = refused(line)
        assert (error.code, error.http_status) == ("busy", 429)
    with line.place():
        pass  # the places are free again


def test_a_prediction_that_fails_gives_its_place_back() -> None:
    line = PredictionLine(places=1)
    with pytest.raises(ZeroDivisionError), line.place():
        _ = 1 / 0
    with line.place():
        pass

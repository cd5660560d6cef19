from __future__ import annotations

import pytest

from backend.pipelines import idle
from backend.pipelines.idle import IdleTime


def test_it_is_idle_only_a_while_after_the_last_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 100.0
    monkeypatch.setattr(idle.time, "monotonic", lambda: clock)
    time = IdleTime(2.0)
    assert time.begins_in_s() == 0
    with time.interrupted():
        with time.interrupted():
            clock += 50
            assert time.begins_in_s() == 2
        assert time.begins_in_s() == 2  # the other is still at work
    clock += 0.5
    assert time.begins_in_s() == 1.5
    clock += 1.5
    assert time.begins_in_s() == 0


def test_a_prediction_that_fails_ends_too() -> None:
    time = IdleTime(0.0)
    with pytest.raises(ZeroDivisionError), time.interrupted():
        _ = 1 / 0
    assert time.begins_in_s() == 0

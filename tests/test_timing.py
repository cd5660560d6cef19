import threading

import pytest

from backend import timing


class Heard:
    def __init__(self) -> None:
        self.steps: list[tuple[str, float]] = []
        self.found: list[bool] = []

    def step_took(self, step: str, seconds: float) -> None:
        self.steps.append((step, seconds))

    def cache_asked(self, found: bool) -> None:
        self.found.append(found)


@pytest.fixture
def heard() -> Heard:
    listener = Heard()
    timing.listen(listener)
    return listener


def test_a_step_is_timed_also_where_it_fails(heard: Heard) -> None:
    with timing.step("fetch"):
        threading.Event().wait(0.05)
    with pytest.raises(ValueError, match="broken"), timing.step("ocr"):
        raise ValueError("broken")
    (first, long), (second, short) = heard.steps
    assert (first, second) == ("fetch", "ocr")
    assert 0.04 < long < 5
    assert 0 <= short < long


def test_the_last_listener_is_told_and_no_other(heard: Heard) -> None:
    other = Heard()
    timing.listen(other)
    timing.cache_asked(found=True)
    assert (heard.found, other.found) == ([], [True])

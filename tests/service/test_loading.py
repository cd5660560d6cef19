"""Loading the prediction side in the background."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from backend.errors import ServiceError, SettingsError
from backend.service.loading import Predictor, PredictorLoader
from tests.service.stand_in import StandInPredictor
from tests.waiting import wait_until

Start = Callable[[Callable[[], Predictor]], PredictorLoader]


@pytest.fixture
def started() -> Iterator[Start]:
    """Starts a loader; it ends with the test."""
    with ExitStack() as stack:

        def start(load: Callable[[], Predictor]) -> PredictorLoader:
            loader = PredictorLoader(load, first_retry_s=0.05)
            loader.start()
            stack.callback(loader.stop)
            return loader

        yield start


def refusal(loader: PredictorLoader, within_s: float) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        loader.wait(time.monotonic() + within_s)
    assert caught.value.http_status == 503
    return caught.value


def test_projects_that_were_looked_at_are_told_as_soon_as_there_is_somebody_to_tell(started: Start) -> None:
    go_on, predictor = threading.Event(), StandInPredictor()

    def load() -> Predictor:
        go_on.wait(10)
        return predictor

    loader = started(load)
    for _ in range(2):
        loader.read_ahead(3)
    go_on.set()
    loader.wait(time.monotonic() + 10)
    wait_until(lambda: predictor.looked_at == [3], 10, "the project is told once")
    loader.read_ahead(4)
    assert predictor.looked_at == [3, 4]


def test_promotions_are_followed_until_the_end(started: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.service.loading.FOLLOW_S", 0.01)
    predictor = StandInPredictor()
    started(lambda: predictor)
    wait_until(lambda: predictor.followed > 2, 10, "promotions are looked for again and again")


def test_who_waits_gets_the_predictor_as_soon_as_it_is_loaded(started: Start) -> None:
    go, predictor = threading.Event(), StandInPredictor()

    def load() -> Predictor:
        go.wait(10)
        return predictor

    loader = started(load)
    assert (loader.state, loader.facts()) == ("loading", {})
    threading.Timer(0.1, go.set).start()
    assert loader.wait(time.monotonic() + 10) is predictor
    assert (loader.state, loader.failure) == ("ready", None)
    assert loader.facts() == predictor.describe()


def test_who_cannot_wait_any_longer_is_told_that_it_is_loading(started: Start) -> None:
    go = threading.Event()

    def load() -> Predictor:
        go.wait(10)
        return StandInPredictor()

    loader = started(load)
    assert refusal(loader, 0.05).code == "model_not_loaded"
    go.set()


def test_a_failure_is_told_at_once_and_loading_is_tried_again(started: Start) -> None:
    broken = threading.Event()
    broken.set()

    def load() -> Predictor:
        if broken.is_set():
            raise ServiceError("base_model_missing", "the base model is not here", "put it there")
        return StandInPredictor()

    loader = started(load)
    error = refusal(loader, 10)
    assert (error.code, error.message) == ("base_model_missing", "the base model is not here")
    assert loader.state == "failed"
    broken.clear()
    last = time.monotonic() + 10
    while loader.state != "ready" and time.monotonic() < last:
        time.sleep(0.01)
    assert loader.wait(time.monotonic())


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError("/secret/path"), "the model could not be loaded (OSError)"),
        (SettingsError("bad_setting", "DEVICE='cuda' has no GPU"), "DEVICE='cuda' has no GPU"),
    ],
)
def test_the_reason_of_a_failure_holds_no_path(started: Start, error: Exception, message: str) -> None:
    def load() -> Predictor:
        raise error

    told = refusal(started(load), 10)
    assert (told.code, told.message) == ("model_not_loaded", message)

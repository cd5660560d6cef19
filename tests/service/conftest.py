"""The web application over a data folder of the test's own, with a prediction side that answers at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.service.app import create_app
from backend.service.loading import Predictor
from backend.service.services import EXTENSION, Services
from backend.settings import Settings
from tests.service.stand_in import StandInPredictor

RECORDINGS = Path(__file__).parents[3] / "shared" / "label-studio" / "recordings"

AppFactory = Callable[..., Flask]
AppBuilder = Callable[[Settings, Callable[[], Predictor]], Flask]


@pytest.fixture
def predictor() -> StandInPredictor:
    return StandInPredictor()


@pytest.fixture
def build_app() -> Iterator[AppBuilder]:
    """An application of any settings and prediction side; its threads end with the test."""
    with ExitStack() as stack:

        def build(settings: Settings, load: Callable[[], Predictor]) -> Flask:
            app = create_app(settings, predictor_loader=load)
            stack.callback(app.extensions[EXTENSION].stop)
            return app

        yield build


@pytest.fixture
def make_app(build_app: AppBuilder, make_settings: Callable[..., Settings], predictor: StandInPredictor) -> AppFactory:
    """An application; keywords are environment variables."""
    return lambda **environ: build_app(make_settings(**environ), lambda: predictor)


@pytest.fixture
def app(make_app: AppFactory) -> Flask:
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def services(app: Flask) -> Services:
    found: Services = app.extensions[EXTENSION]
    return found


@pytest.fixture
def recorded() -> Callable[[str, str], list[dict[str, Any]]]:
    """The bodies that Label Studio really sent to a path, by the name of the recording."""

    def read(name: str, path: str) -> list[dict[str, Any]]:
        if not RECORDINGS.is_dir():
            pytest.skip("the recorded requests of Label Studio are not here")
        requests = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))["requests"]
        bodies = [request["body"] for request in requests if request["path"] == path]
        assert bodies, f"{name} has no request to {path}"
        return bodies

    return read

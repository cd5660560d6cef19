"""The web application, put together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from flask import Flask

from backend.jobs.dispatcher import Dispatcher
from backend.jobs.queue import TrainingQueue, connect
from backend.service.access_log import keep_access_log
from backend.service.answers import error_answer
from backend.service.auth import guard
from backend.service.health import HealthBoard
from backend.service.line import PredictionLine
from backend.service.loading import Predictor, PredictorLoader
from backend.service.metrics import Metrics, keep_metrics
from backend.service.older_routes import older_routes
from backend.service.openapi_route import openapi_routes
from backend.service.projects import Projects
from backend.service.report_routes import report_routes
from backend.service.routes import routes
from backend.service.services import EXTENSION, Services
from backend.service.states import States
from backend.service.ui.examination import Examination
from backend.service.ui.forms import FormTokens
from backend.service.ui.routes import ui
from backend.settings import Settings

WEB_THREADS = 8
"""Threads of the web server. A prediction keeps one as long as it takes."""
PREDICTION_PLACES = WEB_THREADS - 2
"""Predictions at a time; the other threads are left for `/health`, `/metrics`, `/setup` and `/webhook`."""


def create_app(
    settings: Settings,
    *,
    predictor_loader: Callable[[], Predictor],
    dispatcher: Dispatcher | None = None,
) -> Flask:
    """The application, its background threads started.

    Args:
        predictor_loader: makes the prediction side; slow, called in the background.
        dispatcher: turns notes of changes into training runs; None for an application that only takes notes.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_mb * 1_000_000
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False  # an address with two would be answered by a redirect, in HTML
    app.json.sort_keys = False  # type: ignore[attr-defined] # the default provider has it
    loader = PredictorLoader(predictor_loader)
    projects = Projects(settings.data_dir)
    queue = TrainingQueue(settings, connect(settings.queue_url, patient=False))
    health = HealthBoard(settings, loader, projects, queue)
    line = PredictionLine(places=PREDICTION_PLACES)
    metrics = Metrics(States(health, loader, projects))
    form_tokens = FormTokens(settings.data_dir / "run" / "forms.key")
    app.extensions[EXTENSION] = Services(
        settings, projects, loader, line, health, metrics, Examination(settings), form_tokens
    )
    keep_access_log(app)
    keep_metrics(app, metrics)
    guard(app, settings)
    app.register_blueprint(routes)
    app.register_blueprint(older_routes)
    app.register_blueprint(report_routes)
    app.register_blueprint(openapi_routes)
    app.register_blueprint(ui)
    app.register_error_handler(Exception, error_answer)
    with suppress(OSError):  # the health board says so, and looks again
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    for background in (health, loader, dispatcher):
        if background is not None:
            background.start()
    return app

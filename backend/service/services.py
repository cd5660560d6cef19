"""What the routes of one application work with."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from backend.service.health import HealthBoard
from backend.service.line import PredictionLine
from backend.service.loading import PredictorLoader
from backend.service.metrics import Metrics
from backend.service.projects import Projects
from backend.service.ui.examination import Examination
from backend.service.ui.forms import FormTokens
from backend.settings import Settings

EXTENSION = "backend"


@dataclass(frozen=True, slots=True)
class Services:
    """One of each for an application, made by `create_app`."""

    settings: Settings
    projects: Projects
    loader: PredictorLoader
    line: PredictionLine
    health: HealthBoard
    metrics: Metrics
    examination: Examination
    form_tokens: FormTokens

    def stop(self) -> None:
        """End the threads of the background."""
        self.health.stop()
        self.loader.stop()


def services() -> Services:
    """Those of the application that answers the current request."""
    found: Services = current_app.extensions[EXTENSION]
    return found

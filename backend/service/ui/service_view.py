"""The health board's picture as people read it: each part with its state, and what to do where that is bad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from backend.errors import ServiceError
from backend.versions.store import UNTRAINED

NOT_ENOUGH = "not_enough_data"
"""Why a run ended that is no fault: pages are missing, and a run follows when they are there."""
MOST_PROJECTS = 500
"""Rows of the list of projects: a webhook nobody authenticated may name any number."""


class Level(StrEnum):
    """How a part is."""

    GOOD = "good"
    BUSY = "busy"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the service; `remedy` is empty where nothing is to be done."""

    name: str
    level: Level
    state: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class BaseModelFacts:
    """What training starts from; licence and reason are empty until the prediction side is loaded."""

    name: str
    licence: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """A project in the list.

    Attributes:
        title: empty before a webhook told it.
        version: that is served; empty before there is one.
        progress: steps done and all of the deep learner's fit that runs; None otherwise.
        trouble: of the last run, or of a version that is damaged; empty for none.
    """

    number: int
    title: str
    version: str
    state: str
    level: Level
    progress: tuple[int, int] | None
    trouble: str


@dataclass(frozen=True, slots=True)
class ServiceView:
    """The whole service; `left_out` counts the projects that are not listed."""

    obstacle: ServiceError | None
    parts: tuple[Part, ...]
    base_model: BaseModelFacts
    projects: tuple[ProjectRow, ...]
    left_out: int


QUEUE = {
    "embedded": Part("Training queue", Level.GOOD, "ready, in a Redis of its own"),
    "ok": Part("Training queue", Level.GOOD, "ready"),
    "read-only": Part(
        *("Training queue", Level.BAD, "Redis refuses to write; predictions work, training waits"),
        "Give the machine of Redis free disk or memory.",
    ),
    "down": Part(
        *("Training queue", Level.BAD, "Redis does not answer; predictions work, training waits"),
        "Start Redis, or correct REDIS_URL. make run starts a Redis of its own where none is set.",
    ),
}
WORKER = {
    "idle": Part("Training worker", Level.GOOD, "ready"),
    "training": Part("Training worker", Level.BUSY, "training"),
    "down": Part(
        *("Training worker", Level.BAD, "none is there; predictions work, training waits"),
        "Start one: python -m backend worker, or the service worker of the compose file. make run has one.",
    ),
}
OCR = {
    "ok": Part("OCR", Level.GOOD, "ready"),
    "missing": Part("OCR", Level.BAD, "the program tesseract is missing", "apt-get install tesseract-ocr"),
}
STORAGE = {
    "ok": Part("Storage", Level.GOOD, "ready"),
    "full": Part("Storage", Level.BAD, "nearly full", "Free some space where DATA_DIR lies, or lower KEEP_VERSIONS."),
    "read-only": Part(
        *("Storage", Level.BAD, "the data folder is missing or cannot be written"),
        "See DATA_DIR, and to whom that folder belongs.",
    ),
}


def service_view(picture: Mapping[str, Any], obstacle: ServiceError | None) -> ServiceView:
    """The view of a picture of the health board."""
    base, projects = picture["base_model"], picture["projects"]
    return ServiceView(
        obstacle=obstacle,
        parts=(
            _model(picture["model"], str(picture["device"])),
            _known(OCR, "OCR", picture["ocr"]),
            _known(QUEUE, "Training queue", picture["queue"]),
            _known(WORKER, "Training worker", picture["worker"]),
            _known(STORAGE, "Storage", picture["storage"]),
        ),
        base_model=BaseModelFacts(base["name"], base.get("licence", ""), base.get("reason", "")),
        projects=tuple(_project(int(number), facts) for number, facts in list(projects.items())[:MOST_PROJECTS]),
        left_out=max(0, len(projects) - MOST_PROJECTS),
    )


def _model(model: Mapping[str, Any], device: str) -> Part:
    if model["state"] == "ready":
        return Part("Predictions", Level.GOOD, f"ready, on {device}")
    if model["state"] == "failed":
        remedy = "It is tried again by itself; the log of the web server has the details."
        return Part("Predictions", Level.BAD, str(model["reason"]), remedy)
    return Part("Predictions", Level.BUSY, "loading, some seconds after a start")


def _known(states: Mapping[str, Part], name: str, state: str) -> Part:
    return states.get(str(state)) or Part(name, Level.BAD, str(state))


def _project(number: int, facts: Mapping[str, Any]) -> ProjectRow:
    training, error = facts["training"], facts["last_error"]
    trouble = " ".join(facts["degraded"]) or (error["message"] if error else "")
    state, level, progress = "up to date", Level.GOOD, None
    if training is not None and training["state"] == "running":
        state, level = "training", Level.BUSY
        progress = (training["step"], training["steps"]) if training["steps"] else None
    elif training is not None:
        state, level = "waiting for its turn", Level.BUSY
    elif error is not None and error["code"] == NOT_ENOUGH:
        state, level = "waiting for more pages", Level.BUSY
    elif error is not None or facts["degraded"]:
        state, level = "needs a look", Level.BAD
    elif facts["pending"]:
        state, level = "about to learn", Level.BUSY
    elif facts["version"] == UNTRAINED:
        state, level = "no version yet", Level.BUSY
    version = "" if facts["version"] == UNTRAINED else str(facts["version"])
    return ProjectRow(number, str(facts.get("title", "")), version, state, level, progress, trouble)

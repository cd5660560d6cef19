"""What the backend tells of itself, asked until it is as it should be."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests

from backend.errors import ServiceError
from backend.versions.store import UNTRAINED

LOOK_S = 0.5
TIMEOUT_S = 5.0
START_S = 120.0
NOTICED_S = 5.0
"""The picture in `/health` is taken each second."""

VERSION_S = 900.0
"""A first version takes seconds; the rest is for machines that do much else."""

Watch = Callable[[], None]
"""Looked at while waiting; raises when waiting is in vain."""


def nothing_to_watch() -> None:
    """For those who wait for processes that are not theirs."""


def health(url: str) -> dict[str, Any]:
    """The answer of `/health`, whatever its status; empty when there is none."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.get(f"{url}/health", timeout=TIMEOUT_S).json()
        except (requests.RequestException, ValueError):
            return {}
    return answer if isinstance(answer, dict) else {}


def wait_until_ready(url: str, watch: Watch) -> None:
    """Return when the backend can predict and train.

    Raises:
        ServiceError: what it lacks.
    """
    last_look = time.monotonic() + START_S
    while (lacks := _lacks(health(url))) is not None:
        if time.monotonic() > last_look:
            raise lacks
        watch()
        time.sleep(LOOK_S)


def has_learnt_or_learns(url: str, project: int) -> bool:
    """Whether a project has a version, or waits for one that is being made; looked for some seconds."""
    last_look = time.monotonic() + NOTICED_S
    while True:
        facts = _project(health(url), project)
        if facts and (facts["version"] != UNTRAINED or facts["training"] or facts["pending"]):
            return True
        if time.monotonic() > last_look:
            return False
        time.sleep(LOOK_S)


def wait_for_version(url: str, project: int, watch: Watch) -> str:
    """The live version of a project, once there is one.

    Raises:
        ServiceError: what the backend says is wrong; `no_version` when it takes too long.
    """
    last_look = time.monotonic() + VERSION_S
    while live_version(told := health(url), project) == UNTRAINED:
        if "error" in told:
            raise _told_error(told)
        if time.monotonic() > last_look:
            error = (_project(told, project).get("last_error") or {}).get("message", "its log says why")
            raise ServiceError("no_version", f"the backend made no version within {VERSION_S:.0f} s: {error}")
        watch()
        time.sleep(LOOK_S)
    return live_version(told, project)


def live_version(told: dict[str, Any], project: int) -> str:
    """The live version by the answer of `/health`, `UNTRAINED` before there is one."""
    return str(_project(told, project).get("version", UNTRAINED))


def _project(told: dict[str, Any], project: int) -> dict[str, Any]:
    facts: dict[str, Any] = told.get("projects", {}).get(str(project), {})
    return facts


def _lacks(told: dict[str, Any]) -> ServiceError | None:
    """Why the backend cannot do its work yet; None when it can."""
    if not told:
        return ServiceError("backend_unreachable", "the backend does not answer", "its log says why")
    if "error" in told:
        return _told_error(told)
    if told["queue"] not in ("embedded", "ok") or told["worker"] == "down":
        return ServiceError(
            "queue_down", "the backend cannot train: no Redis or no worker", "apt-get install redis-server"
        )
    return None


def _told_error(told: dict[str, Any]) -> ServiceError:
    return ServiceError(**{name: told["error"][name] for name in ("code", "message", "hint")})

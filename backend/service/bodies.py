"""The bodies of `/setup` and `/predict`, checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from backend.errors import RequestError
from backend.label_studio.events import project_id
from backend.label_studio.extra_params import ExtraParams, parse_extra_params

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,99}")


@dataclass(frozen=True, slots=True)
class SetupRequest:
    """What Label Studio says about a project before it asks for anything.

    Attributes:
        hostname: address that Label Studio announces, empty if it does not.
        access_token: legacy token of the project's creator, empty if there is none.
        extra_params: what the project asks of this backend besides its labeling configuration.
    """

    project_id: int
    label_config: str
    hostname: str
    access_token: str
    extra_params: ExtraParams


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """What is to be predicted.

    Attributes:
        tasks: as Label Studio sent them; each is checked when its turn comes.
        label_config: empty where the request carries none.
        context: the region that a smart tool draws, if one does.
    """

    project_id: int
    tasks: list[Any]
    label_config: str
    context: dict[str, Any] | None


def parse_setup(body: dict[str, Any]) -> SetupRequest:
    """A `/setup` body.

    Raises:
        RequestError: `bad_project`, or `bad_type` for a field of a wrong type.
        ConfigError: extra params that cannot be used.
    """
    return SetupRequest(
        project_id(body.get("project")),
        _text(body, "schema"),
        _text(body, "hostname"),
        _text(body, "access_token"),
        parse_extra_params(body.get("extra_params")),
    )


def parse_predict(body: dict[str, Any], *, max_tasks: int) -> PredictRequest:
    """A `/predict` body.

    Raises:
        RequestError: `bad_project`, `bad_tasks`, `bad_version`, `bad_type`; 413 `too_many_tasks`.
    """
    number = project_id(body.get("project"))
    tasks = body.get("tasks")
    if not isinstance(tasks, list):
        raise RequestError("bad_tasks", "tasks must be a list")
    if len(tasks) > max_tasks:
        raise RequestError("too_many_tasks", f"{len(tasks)} tasks in one request; the limit is {max_tasks}", status=413)
    version = body.get("model_version")
    # The live version serves, whichever is asked for; what cannot be a version's name is a mistake of the caller.
    if version is not None and not (isinstance(version, str) and _VERSION.fullmatch(version)):
        raise RequestError("bad_version", "model_version must be the name of a version, such as v3")
    params = body.get("params")
    context = params.get("context") if isinstance(params, dict) else None
    return PredictRequest(number, tasks, _text(body, "label_config"), context if isinstance(context, dict) else None)


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RequestError("bad_type", f"{key} must be a text")
    return value

"""What a project's owner is told of its versions, as the training runs wrote it."""

from __future__ import annotations

import re

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue

from backend.errors import RequestError
from backend.service.access_log import about_project
from backend.service.services import services
from backend.versions.project import ProjectFolder
from backend.versions.reports import latest_report, required_picture, required_report
from backend.versions.store import VersionStore

report_routes = Blueprint("reports", __name__, url_prefix="/projects/<int:number>/report")


@report_routes.get("")
def live_report(number: int) -> ResponseReturnValue:
    project = _project(number)
    return jsonify(latest_report(project, VersionStore(project).current()))


@report_routes.get("/<version>")
def version_report(number: int, version: str) -> ResponseReturnValue:
    return jsonify(required_report(_project(number), _version(version)))


@report_routes.get("/<version>/<name>")
def picture(number: int, version: str, name: str) -> ResponseReturnValue:
    content = required_picture(_project(number), _version(version), name)
    return Response(content, mimetype="image/png", headers={"Cache-Control": "no-cache"})


def _project(number: int) -> ProjectFolder:
    about_project(number)
    return ProjectFolder(services().settings.data_dir, number)


def _version(text: str) -> int:
    """The number of a version, written as `v7` or `7`.

    Raises:
        RequestError: `bad_version`.
    """
    name = re.fullmatch(r"v?([1-9][0-9]{0,11})", text, re.ASCII)
    if name is None:
        raise RequestError("bad_version", "the version must be a name such as v3")
    return int(name[1])

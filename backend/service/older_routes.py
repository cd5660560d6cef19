"""Routes that Label Studio called before it had webhooks; they mean what `/webhook` means now."""

from __future__ import annotations

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from backend.errors import RequestError
from backend.label_studio.events import project_id
from backend.service.access_log import about_project
from backend.service.json_body import read_object
from backend.service.services import services

older_routes = Blueprint("older", __name__)


@older_routes.post("/train")
def train() -> ResponseReturnValue:
    number = project_id(read_object(request).get("project"))
    about_project(number)
    return jsonify(job=services().projects.start_training(number)), 201


@older_routes.get("/is_training")
def is_training() -> ResponseReturnValue:
    number = project_id(request.args.get("project"))
    about_project(number)
    return jsonify(is_training=services().projects.is_training(number))


@older_routes.post("/job_status")
def job_status() -> ResponseReturnValue:
    job = read_object(request).get("job")
    if not isinstance(job, str):
        raise RequestError("bad_type", "job must be the id of a training job")
    return jsonify(services().projects.job_status(job))

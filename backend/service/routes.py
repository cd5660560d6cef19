"""The routes that Label Studio calls, and the one for Prometheus: parse, call, answer."""

from __future__ import annotations

import logging
import time

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from backend.errors import RequestError
from backend.label_studio.config import parse_labeling_config
from backend.label_studio.events import EventKind, parse_event, project_id
from backend.label_studio.extra_params import steered
from backend.service.access_log import about_project
from backend.service.answers import reason_phrase
from backend.service.bodies import parse_predict, parse_setup
from backend.service.caller import waits
from backend.service.json_body import read_object
from backend.service.ocr_of_project import ocr_warnings
from backend.service.services import services

log = logging.getLogger(__name__)
routes = Blueprint("backend", __name__)


@routes.get("/", endpoint="health")
@routes.get("/health", endpoint="health")
def health() -> ResponseReturnValue:
    facts, obstacle = services().health.picture()
    answer = jsonify(facts)
    if obstacle is not None:
        answer.status = f"{obstacle.http_status} {reason_phrase(obstacle.message)}"
    return answer


@routes.get("/metrics")
def metrics() -> ResponseReturnValue:
    return services().metrics.answer()


@routes.post("/setup")
def setup() -> ResponseReturnValue:
    asked = parse_setup(read_object(request))
    about_project(asked.project_id)
    config = steered(parse_labeling_config(asked.label_config), asked.extra_params)
    warnings = [*config.warnings, *ocr_warnings(services().settings, config, asked.extra_params)]
    for warning in warnings:
        log.info("labeling configuration", extra={"warning": warning})
    projects = services().projects
    projects.remember_setup(
        asked.project_id, asked.hostname, asked.access_token, asked.label_config, asked.extra_params.to_json()
    )
    services().loader.read_ahead(asked.project_id)
    return jsonify(model_version=projects.version(asked.project_id), warnings=warnings)


@routes.post("/predict")
def predict() -> ResponseReturnValue:
    settings = services().settings
    deadline = time.monotonic() + settings.predict_deadline_s
    asked = parse_predict(read_object(request), max_tasks=settings.max_tasks)
    about_project(asked.project_id)
    label_config = asked.label_config or services().projects.label_config(asked.project_id)
    if not label_config:
        raise RequestError("no_label_config", "no labeling configuration: call /setup first, or send label_config")
    parse_labeling_config(label_config)
    if not asked.tasks:
        return jsonify(results=[], errors=[])
    with services().metrics.failures_of(len(asked.tasks)), services().line.place():
        predictor = services().loader.wait(deadline)
        answer = predictor.answer(
            asked.project_id, asked.tasks, label_config, asked.context, deadline=deadline, is_awaited=waits(request)
        )
    services().metrics.predicted(answer)
    return jsonify(results=answer.results, errors=answer.errors)


@routes.post("/webhook")
def webhook() -> ResponseReturnValue:
    event = parse_event(read_object(request))
    about_project(event.project_id)
    projects = services().projects
    projects.remember_event(event)
    if event.kind is EventKind.TRAIN:
        return jsonify(job=projects.start_training(event.project_id)), 201
    if event.kind is EventKind.CHANGED:
        projects.note_changes(event.project_id, event.count)
        return jsonify(status="noted"), 201
    return jsonify(status="ignored")


@routes.get("/versions")
def versions() -> ResponseReturnValue:
    asked = request.args.get("project")
    return jsonify(versions=services().projects.versions(None if asked is None else project_id(asked)))

"""The routes: how each is asked, and what it answers."""

from __future__ import annotations

from backend.service.openapi.parts import Schema, reference, text
from backend.service.openapi.requests import PROJECT_PATTERN

MEANINGS = {
    400: "the request cannot be understood or served; the message says why",
    401: "credentials are missing or wrong",
    404: "there is no such thing",
    405: "the route has no such method",
    408: "the body took too long",
    413: "the body is larger than `MAX_BODY_MB`, or has more tasks than `MAX_TASKS`",
    414: "the address is too long",
    415: "the body is no JSON",
    429: "too many predictions are at work; ask again in a few seconds",
    431: "the headers are too large",
    500: "a defect in the backend; its log has the details",
    503: "something that the backend needs is missing or down; ask again later",
}
"""What a status other than success means."""

OF_EVERY_ROUTE = (400, 401, 405, 414, 431, 500)
OF_A_BODY = (408, 413, 415)
RETRIED = (429, 503)
"""Statuses that come with `Retry-After`."""

VERSION_PATTERN = r"^v?[1-9][0-9]{0,11}$"


def error_responses() -> dict[str, Schema]:
    """The answers of each status, by the names that routes refer to them by."""
    return {f"Error{status}": _error(status, meaning) for status, meaning in MEANINGS.items()}


def paths() -> dict[str, Schema]:
    """Every route of the application, by its path."""
    health = _get("How the service is", {200: _json("Health", "it can predict, or will soon")}) | {
        "description": "Answers at once in any state, from a picture taken in the background each second."
    }
    health["responses"]["503"] = _json("Health", "nothing can be predicted at all: `error` says why")
    return {
        "/health": {"get": health},
        "/": {"get": health | {"summary": "The same as /health"}},
        "/setup": {
            "post": _post(
                "A project as Label Studio knows it; the version that serves it",
                "SetupRequest",
                {200: _json("SetupAnswer", "remembered")},
                503,
            )
        },
        "/predict": {
            "post": _post(
                "Boxes for the pages of tasks",
                "PredictRequest",
                {200: _json("PredictAnswer", "one entry for each task, also where some could not be predicted")},
                *(429, 503),
            )
        },
        "/webhook": {
            "post": _post(
                "An event of Label Studio",
                "WebhookRequest",
                {
                    200: _json("WebhookIgnored", "nothing to do"),
                    201: _json("WebhookNoted", "noted on disk; a run follows when it is due"),
                },
                503,
            )
            | {"security": [{}, {"webhookKey": []}, {"basic": []}]}
        },
        "/versions": {
            "get": _get("The versions of a project, or of all", {200: _json("Versions", "newest first")})
            | {"parameters": [_query("project", "a project, as in the bodies", required=False)]}
        },
        "/train": {
            "post": _post("The older way to start a training", "TrainRequest", {201: _json("Job", "noted")}, 503)
        },
        "/is_training": {
            "get": _get("Whether a project is trained just now", {200: _json("IsTraining", "of the project")})
            | {"parameters": [_query("project", "a project, as in the bodies", required=True)]}
        },
        "/job_status": {
            "post": _post("How a training run stands", "JobStatusRequest", {200: _json("JobStatus", "of the run")})
        },
        "/projects/{number}/report": {
            "get": _get("The report on the live version", {200: _json("Report", "as the run wrote it")}, 404, 503)
            | {"parameters": [_number()]}
        },
        "/projects/{number}/report/{version}": {
            "get": _get("The report on a version", {200: _json("Report", "as the run wrote it")}, 404, 503)
            | {"parameters": [_number(), _version()]}
        },
        "/projects/{number}/report/{version}/{name}": {
            "get": _get("A picture of a report", {200: _content("image/png", "the picture")}, 404)
            | {"parameters": [_number(), _version(), _path("name", {"type": "string"}, "such as `scores.png`")]}
        },
        "/metrics": {"get": _get("Counters and states for Prometheus", {200: _content("text/plain", "its format")})},
        "/openapi.json": {
            "get": _get("This description", {200: _content("application/json", "OpenAPI 3.1")}),
        },
    }


def _get(summary: str, answers: dict[int, Schema], *statuses: int) -> Schema:
    return {"summary": summary, "responses": _responses(answers, (*OF_EVERY_ROUTE, *statuses))}


def _post(summary: str, body: str, answers: dict[int, Schema], *statuses: int) -> Schema:
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": reference(body)}}},
        "responses": _responses(answers, (*OF_EVERY_ROUTE, *OF_A_BODY, *statuses)),
    }


def _responses(answers: dict[int, Schema], statuses: tuple[int, ...]) -> Schema:
    errors = {str(status): {"$ref": f"#/components/responses/Error{status}"} for status in sorted(statuses)}
    return {str(status): answer for status, answer in answers.items()} | errors


def _json(schema: str, meaning: str) -> Schema:
    return {"description": meaning, "content": {"application/json": {"schema": reference(schema)}}}


def _content(kind: str, meaning: str) -> Schema:
    return {"description": meaning, "content": {kind: {}}}


def _error(status: int, meaning: str) -> Schema:
    headers = {"X-Request-Id": {"schema": text("the same as `request_id`")}}
    if status in RETRIED:
        headers["Retry-After"] = {"schema": text("seconds", pattern="^[0-9]+$")}
    if status == 401:
        headers["WWW-Authenticate"] = {"schema": text("basic authentication")}
    return _json("Error", meaning) | {"headers": headers}


def _query(name: str, meaning: str, *, required: bool) -> Schema:
    schema = {"type": "string", "pattern": PROJECT_PATTERN}
    return {"name": name, "in": "query", "required": required, "description": meaning, "schema": schema}


def _path(name: str, schema: Schema, meaning: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "description": meaning, "schema": schema}


def _number() -> Schema:
    return _path("number", {"type": "integer", "minimum": 0, "maximum": 999_999_999_999}, "number of the project")


def _version() -> Schema:
    return _path("version", {"type": "string", "pattern": VERSION_PATTERN}, "a version, such as `v3`")

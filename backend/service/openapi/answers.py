"""The bodies of answers, as JSON Schema: the fields named here are always there, others may come with time."""

from __future__ import annotations

from backend.jobs.queue import QueueStatus, WorkerState
from backend.jobs.run_state import Phase
from backend.service.health import EMBEDDED
from backend.service.openapi.parts import Schema, flag, items, number, record, reference, text, whole

RESULT = record(
    "a box, or the text in it, as Label Studio's editor shows it",
    {
        "id": text("equal for a box and its text"),
        "from_name": text("the control"),
        "to_name": text("the image"),
        "type": text(values=["rectanglelabels", "rectangle", "labels", "textarea"]),
        "original_width": whole("of the upright page, in pixels"),
        "original_height": whole("of the upright page, in pixels"),
        "image_rotation": whole("0"),
        "item_index": whole("page of the task, from 0"),
        "value": record(
            "in percent of the page",
            {
                "x": number("left", least=0, most=100),
                "y": number("top", least=0, most=100),
                "width": number("", least=0, most=100),
                "height": number("", least=0, most=100),
                "rotation": number("0", least=0, most=0),
            },
            {
                "rectanglelabels": items({"type": "string"}, "the label; none for a smart box that got none"),
                "labels": items({"type": "string"}, "the same, where a Rectangle tag has the box"),
                "text": items({"type": "string"}, "the text that OCR read"),
            },
        ),
    },
    {
        "score": number("of a box", least=0, most=1),
        "meta": {"type": "object", "description": "`text` without a TextArea; `value`, what it stands for"},
    },
)

PREDICTION = record(
    "the boxes of a task",
    {
        "result": items(reference("Result"), "empty where nothing is on the page"),
        "score": number("the least certain page's", least=0, most=1),
        "model_version": text("the version that predicted"),
    },
)

TASK_ERROR = record(
    "why a task has no prediction",
    {
        "task": {"description": "its `id`, as it was sent"},
        "index": whole("its place in `tasks`"),
        "code": text("stable, such as `image_http_404`; all are in docs/FAILURES.md"),
        "message": text("one sentence"),
    },
    {"hint": text("what to do about it")},
)

PREDICT_ANSWER = record(
    "one entry for each task, in the order of the request",
    {
        "results": items(
            {
                "oneOf": [
                    reference("Prediction"),
                    {"type": "array", "maxItems": 0, "description": "no prediction: see `errors`"},
                ]
            },
            "a prediction, or `[]`: nothing is stored and the task stays due",
        ),
        "errors": items(reference("TaskError"), "a line for each `[]`"),
    },
)

SETUP_ANSWER = record(
    "the version that predictions will carry",
    {
        "model_version": text("`v7`, or `untrained`"),
        "warnings": items({"type": "string"}, "what is unclear in the labeling configuration"),
    },
)

WEBHOOK_NOTED = record("taken", {}, {"status": text(values=["noted"]), "job": text("id of the run that will train")})
WEBHOOK_IGNORED = record("nothing to do", {"status": text(values=["ignored"])})
VERSIONS = record("all versions", {"versions": items({"type": "string"}, "newest first")})
JOB = record("taken", {"job": text("id of the run that will train")})
IS_TRAINING = record("of a project", {"is_training": flag("a run waits or is at work")})
JOB_STATUS = record(
    "of a run",
    {"job_status": text(values=[*Phase, "unknown"]), "error": text("why it failed or was refused")},
)

ERROR = record(
    "the one form of an error; its message is the reason phrase of the status line too",
    {
        "error": record(
            "",
            {
                "code": text("stable", pattern="^[a-z0-9_]+$"),
                "message": text("one sentence"),
                "hint": text("what to do about it; may be empty"),
            },
        ),
        "request_id": text("stands in the log, and in `X-Request-Id`"),
    },
)

RUN = record(
    "a run that waits or is at work",
    {"job": text("its id"), "state": text(values=[Phase.WAITING, Phase.RUNNING]), "stage": text("what it is doing")},
    {
        "step": whole("optimizer steps done"),
        "steps": whole("of so many"),
        "started": number("seconds since 1970", empty=True),
    },
)

PROJECT_HEALTH = record(
    "one project",
    {
        "title": text("the project's, as the last webhook told it; empty before one did"),
        "version": text("the live version"),
        "training": {"oneOf": [reference("Run"), {"type": "null"}]},
        "pending": flag("something changed that no run has learnt"),
        "last_run": {"type": ["object", "null"], "description": "the version it made, and whether and why it serves"},
        "last_error": {"type": ["object", "null"], "description": "code, message and hint of the last run that failed"},
        "degraded": items({"type": "string"}, "versions passed over because they are damaged"),
    },
)

HEALTH = record(
    "how the service is; it answers in any state",
    {
        "status": text(values=["UP", "DOWN"]),
        "model_class": text(),
        "model": record(
            "the prediction side", {"state": text(values=["loading", "ready", "failed"]), "reason": text(empty=True)}
        ),
        "base_model": {"type": "object", "description": "what training starts from, with licence and reason"},
        "device": text("where the model runs"),
        "queue": text(values=[EMBEDDED, *QueueStatus]),
        "worker": text(values=[*WorkerState]),
        "ocr": text(values=["ok", "missing"]),
        "storage": text(values=["ok", "full", "read-only"]),
        "projects": {
            "type": "object",
            "additionalProperties": reference("ProjectHealth"),
            "description": "by the number of the project",
        },
    },
    {"error": {"type": "object", "description": "code, message and hint of what makes it `DOWN`"}},
)

REPORT = record("what a training run wrote of its version: docs/REPORTS.md", {"version": text("`v7`")})

ANSWERS: dict[str, Schema] = {
    "SetupAnswer": SETUP_ANSWER,
    "PredictAnswer": PREDICT_ANSWER,
    "Prediction": PREDICTION,
    "Result": RESULT,
    "TaskError": TASK_ERROR,
    "WebhookNoted": WEBHOOK_NOTED,
    "WebhookIgnored": WEBHOOK_IGNORED,
    "Versions": VERSIONS,
    "Job": JOB,
    "IsTraining": IS_TRAINING,
    "JobStatus": JOB_STATUS,
    "Health": HEALTH,
    "ProjectHealth": PROJECT_HEALTH,
    "Run": RUN,
    "Report": REPORT,
    "Error": ERROR,
}

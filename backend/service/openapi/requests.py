"""The bodies of requests, as JSON Schema: what is understood. Label Studio sends more fields, which are left aside."""

from __future__ import annotations

from backend.service.openapi.parts import Schema, items, record, reference, text, whole

VERSION_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._ -]{0,99}$"
PROJECT_PATTERN = r"^[0-9]{1,12}(\.[0-9]{1,20})?$"

PROJECT: Schema = {
    "description": "a project: its number, `<number>.<time of creation>`, or an object with `id`",
    "anyOf": [
        {"type": "string", "pattern": PROJECT_PATTERN},
        {"type": "integer", "minimum": 0, "maximum": 999_999_999_999},
        {
            "type": "object",
            "required": ["id"],
            "properties": {
                "id": {
                    "anyOf": [
                        {"type": "integer", "minimum": 0, "maximum": 999_999_999_999},
                        {"type": "string", "pattern": PROJECT_PATTERN},
                    ]
                },
                "label_config": text("the labeling configuration, which is kept where it changed", empty=True),
            },
        },
    ],
}

TASK = record(
    "a task as Label Studio stores it; one without these fields costs itself its prediction, not the others",
    {"id": whole("number of the task"), "data": {"type": "object", "description": "holds the address of the image"}},
    {"annotations": items({"type": "object"}, "not used"), "predictions": items({"type": "object"}, "not used")},
)

LABELING = """<View>
  <RectangleLabels name="label" toName="image"><Label value="total"/></RectangleLabels>
  <Image name="image" value="$image"/>
</View>"""

SETUP_REQUEST = record(
    "what Label Studio says of a project",
    {"project": reference("Project"), "schema": text("the labeling configuration (XML)") | {"examples": [LABELING]}},
    {
        "hostname": text("address that Label Studio announces", empty=True),
        "access_token": text("legacy token of the project's creator", empty=True),
        "extra_params": {
            "description": "an object, or its JSON as text: `ocr_engine`, `ocr_languages`, `score_threshold` "
            "(docs/STEERING.md)"
        },
    },
)

PREDICT_REQUEST = record(
    "what is to be predicted",
    {"project": reference("Project"), "tasks": items(reference("Task"), "at most `MAX_TASKS`")},
    {
        "label_config": text("the labeling configuration (XML); without it the one of `/setup`", empty=True)
        | {"examples": [LABELING]},
        "model_version": text("any name of a version: the live one serves", pattern=VERSION_PATTERN, empty=True),
        "params": {
            "description": "`context` is the region that a smart tool draws",
            "type": ["object", "null"],
            "properties": {
                "context": {
                    "type": ["object", "null"],
                    "properties": {"result": items({"type": "object"}, "drawn regions, in percent")},
                }
            },
        },
    },
)

WEBHOOK_REQUEST = record(
    "an event of Label Studio; it means that a project is worth a look, its content is not trained on",
    {
        "action": {
            **text("what happened; an action that is not known is ignored"),
            "minLength": 1,
            "examples": ["ANNOTATION_CREATED", "ANNOTATIONS_DELETED", "START_TRAINING", "PROJECT_UPDATED"],
        },
        "project": reference("Project"),
    },
    {
        "annotation": {
            "type": ["object", "array", "null"],
            "description": "one, or several with `ANNOTATIONS_CREATED`",
        },
        "annotations": {"type": ["array", "null"], "description": "those deleted"},
        "task": {"type": ["object", "array", "null"], "description": "not used"},
        "tasks": {
            "type": ["array", "null"],
            "description": "those created, with their `total_annotations`, or deleted",
        },
    },
)

TRAIN_REQUEST = record("which project is to be trained", {"project": reference("Project")})
JOB_STATUS_REQUEST = record("which run is asked for", {"job": text("id of a training run")})

REQUESTS: dict[str, Schema] = {
    "Project": PROJECT,
    "Task": TASK,
    "SetupRequest": SETUP_REQUEST,
    "PredictRequest": PREDICT_REQUEST,
    "WebhookRequest": WEBHOOK_REQUEST,
    "TrainRequest": TRAIN_REQUEST,
    "JobStatusRequest": JOB_STATUS_REQUEST,
}

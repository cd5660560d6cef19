"""Sound requests to begin with: of our own for every route, and those that were recorded, where they are at hand."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.drawn import draw_form

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ROOT.parent / "shared" / "label-studio" / "recordings"

TRAINED, UNTRAINED = 25, 3
"""Projects: one that has a version, where the service is given one, and one that has none."""
UPLOAD = f"/data/upload/{TRAINED}/page.png"
CONFIG = """<View>
  <RectangleLabels name="label" toName="image" smart="true">
    <Label value="header"/><Label value="question" predicted_values="B-QUESTION"/><Label value="answer" alias="a"/>
  </RectangleLabels>
  <TextArea name="text" toName="image" perRegion="true"/>
  <Image name="image" value="$image"/>
</View>"""
SECRET = "fuzz-token-5ce1a9"
"""Stands where tokens and passwords do; no answer and no log line may hold it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A sound request.

    Attributes:
        route: as the description of the service names it.
        target: path and query.
        body: None for a request without one.
    """

    route: str
    method: str
    target: str
    body: Json | None = None


def samples() -> list[Sample]:
    """Sound requests for every route."""
    found = [*_posts(), *_gets(), *_recorded()]
    # As Label Studio's own token stands there, which must not come back.
    return [_with_secret(sample) for sample in found]


def uploads() -> list[str]:
    """The paths of the images that the samples name."""
    text = json.dumps([sample.body for sample in samples()])
    return sorted({UPLOAD, *re.findall(r'"(/data/upload/[^"]+)"', text)})


def small_page() -> bytes:
    """A drawn page of a few words, as PNG."""
    content = io.BytesIO()
    draw_form(1).image.crop((0, 0, 420, 170)).convert("1").save(content, "PNG")
    return content.getvalue()


def _posts() -> Iterator[Sample]:
    for body in (
        _predict(UNTRAINED, _task(1, UPLOAD), _task(2, UPLOAD)),
        _predict(TRAINED, _task(1, _data_uri()), _task(2, UPLOAD)),
        _predict(TRAINED, _task(7, UPLOAD)) | {"model_version": "v1"},
        _predict(UNTRAINED, _task(1, _data_uri())) | {"params": {"context": {"result": [_drawn_box()]}}},
    ):
        yield Sample("/predict", "POST", "/predict", body)
    setup = {"project": f"{UNTRAINED}.1700000000", "schema": CONFIG, "hostname": "http://127.0.0.1:1"}
    yield Sample("/setup", "POST", "/setup", setup | {"access_token": "", "extra_params": None})
    for action, facts in (
        ("ANNOTATION_CREATED", {"annotation": _annotation(), "task": _task(1, UPLOAD)}),
        ("ANNOTATION_UPDATED", {"annotation": _annotation(), "task": _task(1, UPLOAD)}),
        ("ANNOTATIONS_CREATED", {"annotation": [_annotation()] * 2, "task": [_task(1, UPLOAD)] * 2}),
        ("ANNOTATIONS_DELETED", {"annotations": [{"id": 1}]}),
        ("TASKS_CREATED", {"tasks": [_task(1, UPLOAD) | {"total_annotations": 1}]}),
        ("START_TRAINING", {}),
        ("PROJECT_UPDATED", {}),
    ):
        project = {"id": UNTRAINED, "title": "Forms", "label_config": CONFIG}
        yield Sample("/webhook", "POST", "/webhook", {"action": action, "project": project, **facts})
    yield Sample("/train", "POST", "/train", {"project": f"{UNTRAINED}.1700000000", "annotations": []})
    yield Sample("/job_status", "POST", "/job_status", {"job": f"train-{UNTRAINED}-4fa2"})


def _gets() -> Iterator[Sample]:
    report = "/projects/{number}/report"
    yield Sample("/versions", "GET", f"/versions?project={TRAINED}.1700000000")
    yield Sample("/is_training", "GET", f"/is_training?project={UNTRAINED}")
    yield Sample(report, "GET", f"/projects/{TRAINED}/report")
    yield Sample(f"{report}/{{version}}", "GET", f"/projects/{TRAINED}/report/v1")
    yield Sample(f"{report}/{{version}}/{{name}}", "GET", f"/projects/{TRAINED}/report/v1/scores.png")
    for path in ("/health", "/", "/metrics", "/openapi.json"):
        yield Sample(path, "GET", path)


def _recorded() -> Iterator[Sample]:
    for path in sorted(RECORDINGS.glob("*.json")):
        for request in json.loads(path.read_text(encoding="utf-8"))["requests"]:
            if request["method"] == "POST":
                yield Sample(request["path"], "POST", request["path"], request["body"])


def _with_secret(sample: Sample) -> Sample:
    if sample.route != "/setup" or sample.body is None:
        return sample
    return Sample(sample.route, sample.method, sample.target, sample.body | {"access_token": SECRET})


def _predict(project: int, *tasks: Json) -> Json:
    params = {"login": None, "password": None, "context": None}
    return {"project": f"{project}.1700000000", "tasks": list(tasks), "label_config": CONFIG, "params": params}


def _task(number: int, image: str) -> Json:
    task = {"id": number, "data": {"image": image}, "meta": {}, "project": TRAINED, "inner_id": number}
    return task | {"is_labeled": False, "total_annotations": 0, "annotations": [], "predictions": []}


def _data_uri() -> str:
    return f"data:image/png;base64,{base64.b64encode(small_page()).decode()}"


def _drawn_box() -> Json:
    value = {"x": 20.0, "y": 15.5, "width": 40.0, "height": 30, "rotation": 0, "rectanglelabels": ["question"]}
    size = {"original_width": 420, "original_height": 170, "image_rotation": 0}
    names = {"id": "b0x", "from_name": "label", "to_name": "image", "type": "rectanglelabels", "origin": "manual"}
    return names | size | {"value": value}


def _annotation() -> Json:
    facts = {"id": 28, "was_cancelled": False, "ground_truth": False, "lead_time": 12.5, "completed_by": 1}
    return facts | {"result": [_drawn_box()], "updated_at": "2026-01-01T00:00:00Z", "parent_prediction": None}

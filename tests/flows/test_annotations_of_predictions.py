"""What a real Label Studio tells of annotations that began with a prediction, and which attributes it lets stand."""

from __future__ import annotations

from typing import Any

import pytest

from backend.label_studio.annotations import accepted_unchanged, chosen_annotation
from backend.label_studio.client import LabelStudioClient
from backend.label_studio.config import parse_labeling_config
from tests.drawn import draw_form
from tests.flows.conftest import drawn_results, files
from tests.studio import TOKEN, Studio

pytestmark = pytest.mark.label_studio

CONFIG = """<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="label" toName="image" model_score_threshold="0.25">
    <Label value="header" score_threshold="0.9"/><Label value="question"/><Label value="answer"/>
  </RectangleLabels>
</View>"""
FORMS = [draw_form(seed) for seed in range(5)]


def test_thresholds_come_back_and_accepted_predictions_are_told_from_others(studio: Studio) -> None:
    project = studio.create_project("accepted", CONFIG)
    tasks = studio.upload(project, files(FORMS, "form"))
    regions = [drawn_results(page) for page in FORMS]
    predictions = [
        studio.api("POST", "/api/predictions/", {"task": task, "result": result, "model_version": "v1", "score": 0.5})
        for task, result in zip(tasks, regions, strict=True)
    ]

    def submit(at: int, result: list[dict[str, Any]], origin: str = "prediction") -> None:
        marked = [{**one, "origin": "prediction"} for one in result[:-1]] + [{**result[-1], "origin": origin}]
        studio.annotate(tasks[at], marked, parent_prediction=predictions[at]["id"])

    submit(0, regions[0])
    submit(1, regions[1], "prediction-changed")
    submit(2, regions[2][1:])  # one taken away
    studio.annotate(tasks[3], regions[3])  # drawn without a prediction
    selected = {"selectedItems": {"all": False, "included": [tasks[4]]}, "project": str(project)}
    studio.api("POST", f"/api/dm/actions?id=predictions_to_annotations&project={project}", selected)

    client = LabelStudioClient(studio.url, TOKEN)
    exported = list(client.annotated_tasks(project))
    accepted = [accepted_unchanged(task, chosen_annotation(task) or {}) for task in exported]
    assert accepted == [True, False, False, False, True]
    config = parse_labeling_config(client.project(project)["label_config"])
    assert [config.threshold_of(name) for name in ("header", "question")] == [0.9, 0.25]

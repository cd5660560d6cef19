"""What people did with proposed boxes, from what a real Label Studio exports."""

from __future__ import annotations

from typing import Any

import pytest

from backend.label_studio.client import LabelStudioClient
from backend.label_studio.config import parse_labeling_config
from backend.pipelines.exported import read_export
from backend.reports.effort import EditCounts, Effort
from tests.drawn import draw_receipt
from tests.flows.conftest import drawn_results, files, label_config
from tests.studio import TOKEN, Studio

pytestmark = pytest.mark.label_studio

PAGES = [draw_receipt(seed) for seed in range(4)]


def taken_over(result: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As the editor submits regions of a prediction."""
    return [{**region, "origin": "prediction"} for region in result]


def test_the_listing_of_tasks_tells_the_effort(studio: Studio) -> None:
    config = label_config("receipts")
    project = studio.create_project("Effort", config)
    tasks = studio.upload(project, files(PAGES, "effort"))
    predictions = []
    for task, page in zip(tasks, PAGES, strict=True):
        for version in ("v1", "v2"):
            payload = {"task": task, "result": drawn_results(page), "score": 0.5, "model_version": version}
            predictions.append(studio.api("POST", "/api/predictions/", payload))
    of_v2 = predictions[1::2]

    corrected = taken_over(of_v2[0]["result"])
    corrected[0]["value"]["x"] += 5
    corrected[1]["value"]["rectanglelabels"] = ["company"]
    studio.annotate(tasks[0], corrected[:-1], parent_prediction=of_v2[0]["id"])
    studio.annotate(tasks[1], taken_over(of_v2[1]["result"]), parent_prediction=of_v2[1]["id"])
    studio.annotate(tasks[2], drawn_results(PAGES[2]))
    in_bulk = {"selectedItems": {"all": False, "included": [tasks[3]]}, "project": str(project), "model_version": "v2"}
    studio.api("POST", f"/api/dm/actions?id=predictions_to_annotations&project={project}", in_bulk)

    exported = LabelStudioClient(studio.url, TOKEN).annotated_tasks(project)
    boxes = len(PAGES[0].boxes), len(PAGES[1].boxes)
    edited = EditCounts(2, 1, accepted=boxes[0] - 3 + boxes[1], moved=1, relabelled=1, deleted=1)
    expected = Effort({"v2": edited}, from_nothing=1, unreviewed=1)
    assert read_export(exported, parse_labeling_config(config), 100).effort == expected

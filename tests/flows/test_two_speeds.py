"""Each saved page makes a better version within seconds, whether a deep fit is going on or not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.drawn import draw_receipt
from tests.flows.conftest import drawn_results, files, label_config
from tests.running import Backend, backend
from tests.studio import Studio

pytestmark = pytest.mark.label_studio

RECEIPTS = [draw_receipt(seed) for seed in range(8)]
FIRST = 6
SOON_S = 60.0
"""Several times what it takes where little else runs; far less than the deep fit takes."""


def wait_for(found: Callable[[], Any], running: Backend, within_s: float) -> Any:
    last_try = time.monotonic() + within_s
    while not (answer := found()):
        assert time.monotonic() < last_try, f"{running.health()}\n{running.tail()}"
        time.sleep(0.1)
    return answer


def fits_deep(running: Backend, project: int) -> bool:
    """Whether the deep learner is being fitted, behind the fast one; reading pages has steps too."""
    # `.get`: `/health` knows no project in the first moment after a start
    training = running.project(project).get("training") or {}
    return training.get("stage") == "fit" and training.get("step", 0) > 0


def test_a_saved_page_is_learnt_in_seconds_before_and_during_a_deep_fit(studio: Studio, tmp_path: Path) -> None:
    # A deep fit would take the better part of an hour; one by changes or by time is not due in this test.
    steps = {"TRAIN_MIN_ANNOTATIONS": "5", "TRAIN_MAX_STEPS": "20", "TRAIN_LONGEST_DELAY_S": "3000"}
    with backend(tmp_path / "data", **steps) as running:
        config = label_config("receipts")
        project = studio.create_project("two speeds", config)
        connected = studio.connect(project, running.url)
        tasks = studio.upload(project, files(RECEIPTS, "receipt"))
        versions = running.data_dir / "projects" / str(project) / "versions"

        def live() -> dict[str, Any]:
            version = running.project(project)["version"].removeprefix("v")
            manifest: dict[str, Any] = json.loads((versions / version / "manifest.json").read_text(encoding="utf-8"))
            return manifest

        def save(number: int) -> None:
            studio.annotate(tasks[number], drawn_results(RECEIPTS[number]))

        for number in range(FIRST):
            save(number)
        running.wait_for_version(project, within_s=400)
        first = live()
        assert first["learners"] == ["fast", "deep"]
        assert len(first["deep_trained_on"]) == FIRST

        save(FIRST)
        second = wait_for(lambda: (now := live())["version"] > first["version"] and now, running, SOON_S)
        assert second["learners"] == ["fast", "deep"]
        assert len(second["trained_on"]) == FIRST + 1
        assert second["deep_trained_on"] == first["deep_trained_on"], "no deep fit for one page"
        weights = "model.safetensors"
        assert second["files"][weights] == first["files"][weights]
        running.wait_for_version(project, within_s=SOON_S)

    with backend(tmp_path / "data", **steps | {"TRAIN_MAX_STEPS": "2000"}) as running:
        studio.api("DELETE", f"/api/ml/{connected}")
        connected = studio.connect(project, running.url)
        studio.api("POST", f"/api/ml/{connected}/train", {})
        wait_for(lambda: fits_deep(running, project), running, 120)
        before = live()
        save(FIRST + 1)
        third = wait_for(lambda: (now := live())["version"] > before["version"] and now, running, SOON_S)
        assert len(third["trained_on"]) == FIRST + 2
        assert running.project(project)["training"]["stage"] == "fit"

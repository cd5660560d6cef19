"""Text and field rules with the boxes in a real Label Studio: proposed, corrected, learnt from, reported on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import requests

from backend.label_studio.annotations import annotation_boxes
from backend.label_studio.config import parse_labeling_config
from tests import editor
from tests.browser import browser, needs_browser, sign_in, wait_in
from tests.drawn import DrawnPage, draw_form, draw_receipt
from tests.flows.conftest import drawn_results, files, label_config
from tests.running import Backend, backend
from tests.studio import Studio

pytestmark = pytest.mark.label_studio

LEARN = 6
RECEIPTS = [draw_receipt(seed) for seed in range(LEARN + 1)]
NO_RECEIPT = draw_form(0)
WRONG = "?"
"""What a person put in front of the text of each total."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    data_dir = tmp_path_factory.mktemp("backend") / "data"
    with backend(data_dir, BASE_MODEL="none", TRAIN_QUIET_S="1", RECONCILE_S="5") as started:
        yield started


def learnt(studio: Studio, running: Backend, config: str, pages: list[DrawnPage]) -> tuple[int, list[int]]:
    """A project that learnt from the first pages, each with its texts, and the numbers of its tasks."""
    xml = label_config(config)
    project = studio.create_project(config, xml)
    studio.connect(project, running.url, is_interactive=True)
    tasks = studio.upload(project, files(pages, config))
    for task, page in list(zip(tasks, pages, strict=True))[:LEARN]:
        studio.annotate(task, with_text(page, shape="box" if "<Labels" in xml else ""))
    running.wait_for_version(project)
    return project, tasks


def with_text(page: DrawnPage, *, shape: str) -> list[dict[str, Any]]:
    """What a person submits who drew the true boxes and put a character before the text of each total."""
    results = []
    for drawn, box in zip(drawn_results(page), page.boxes, strict=True):
        place = {key: value for key, value in drawn["value"].items() if key != "rectanglelabels"}
        text = " ".join(word.text for word in page.words if word.box.intersection(box.box).area > word.box.area / 2)
        text = WRONG + text if box.label == "total" else text
        common = {**drawn, "origin": "manual"}
        if shape:
            results.append({**common, "from_name": shape, "type": "rectangle", "value": place})
            results.append({**common, "type": "labels", "value": {**place, "labels": [box.label]}})
        else:
            results.append(common)
        results.append({**common, "from_name": "transcription", "type": "textarea", "value": {**place, "text": [text]}})
    return results


@pytest.fixture(scope="module")
def template(studio: Studio, running: Backend) -> tuple[int, list[int]]:
    return learnt(studio, running, "receipts_ocr_template", RECEIPTS)


def prediction(studio: Studio, task: int) -> dict[str, Any]:
    """What is stored for a task once it was opened."""
    studio.open_task(task)
    found: dict[str, Any] = studio.predictions(task)[-1]
    return found


def test_the_ocr_template_is_learnt_and_predicted(studio: Studio, template: tuple[int, list[int]]) -> None:
    _, tasks = template
    result = prediction(studio, tasks[-1])["result"]
    config = parse_labeling_config(label_config("receipts_ocr_template"))
    found = {
        box.label: box.box for box in annotation_boxes({"result": result}, config, {0: RECEIPTS[-1].size}).boxes[0]
    }
    [total] = [box.box for box in RECEIPTS[-1].boxes if box.label == "total"]
    assert found["total"].iou(total) > 0.4
    by_id: dict[str, list[str]] = {}
    for part in result:
        by_id.setdefault(part["id"], []).append(part["type"])
    assert {tuple(kinds) for kinds in by_id.values()} == {("rectangle", "labels", "textarea")}


def test_a_smart_box_without_label_gets_the_likeliest(studio: Studio, template: tuple[int, list[int]]) -> None:
    project, tasks = template
    [total] = [drawn for drawn in drawn_results(RECEIPTS[-1]) if drawn["value"]["rectanglelabels"] == ["total"]]
    place = {key: value for key, value in total["value"].items() if key != "rectanglelabels"}
    drawn = {**total, "from_name": "box", "type": "rectangle", "origin": "manual", "value": place}
    [connected] = studio.api("GET", f"/api/ml/?project={project}")
    payload = {"task": tasks[-1], "context": {"result": [drawn]}}
    answer = studio.api("POST", f"/api/ml/{connected['id']}/interactive-annotating", payload)
    result = answer["data"]["result"]
    assert [part["type"] for part in result] == ["rectangle", "labels", "textarea"]
    assert result[1]["value"]["labels"] == ["total"]
    assert {part["id"] for part in result} == {drawn["id"]}


def test_the_report_tells_how_well_ocr_reads(running: Backend, template: tuple[int, list[int]]) -> None:
    project, _ = template
    ocr = requests.get(f"{running.url}/projects/{project}/report", timeout=30).json()["ocr"]
    assert set(ocr["labels"]) == {"company", "date", "address", "total"}
    assert (ocr["labels"]["total"]["texts"], ocr["labels"]["total"]["corrected"]) == (LEARN, LEARN)
    assert ocr["labels"]["total"]["character_edits"] >= LEARN * len(WRONG)
    assert 0 < ocr["all"]["cer"] < ocr["labels"]["total"]["cer"] < 1
    assert ocr["all"]["wer"] > ocr["all"]["cer"]


@pytest.fixture(scope="module")
def with_rules(studio: Studio, running: Backend) -> tuple[int, list[int]]:
    return learnt(studio, running, "receipt_fields", [*RECEIPTS, NO_RECEIPT])


def test_fields_follow_their_rules(studio: Studio, with_rules: tuple[int, list[int]]) -> None:
    _, tasks = with_rules
    found = prediction(studio, tasks[LEARN])
    boxes = [part for part in found["result"] if part["type"] == "rectanglelabels"]
    by_label = {part["value"]["rectanglelabels"][0]: part for part in boxes}
    assert len(by_label) == len(boxes)  # one of each
    amount, currency = by_label["total"]["meta"]["value"].split()
    assert (float(amount) > 0, currency) == (True, "MYR")
    assert date.fromisoformat(by_label["date"]["meta"]["value"])
    assert by_label["date"]["meta"]["text"] == [by_label["date"]["meta"]["value"]]
    assert found["score"] >= 0.1
    # Neither date nor total is on a form: it is to be looked at first.
    assert prediction(studio, tasks[LEARN + 1])["score"] < 0.1


@needs_browser
def test_the_editor_shows_what_a_text_stands_for(studio: Studio, with_rules: tuple[int, list[int]]) -> None:
    project, tasks = with_rules
    boxes = prediction(studio, tasks[LEARN])["result"]
    [value] = [part["meta"]["value"] for part in boxes if part["value"].get("rectanglelabels") == ["total"]]
    with browser() as window:
        sign_in(window, studio)
        editor.open_task(window, studio, project, tasks[LEARN])
        editor.select_region(window, "total")
        wait_in(
            window, f"return [...document.querySelectorAll('{editor.NOTE}')].some(it => it.innerText === {value!r})"
        )

"""Smart boxes in a real Label Studio and a real browser, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend.document.geometry import Box
from backend.label_studio.annotations import annotation_boxes
from backend.label_studio.config import parse_labeling_config
from tests import editor
from tests.browser import browser, needs_browser, sign_in, wait_in
from tests.drawn import draw_receipt
from tests.flows.conftest import files, label_config
from tests.running import Backend, backend
from tests.studio import Studio
from tests.waiting import wait_until

pytestmark = [pytest.mark.label_studio, needs_browser]

PAGE = draw_receipt(3)
EMPTY = Box(60, 700, 220, 760)
"""A place below the receipt's last line."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    with backend(tmp_path_factory.mktemp("backend") / "data", BASE_MODEL="none") as started:
        yield started


def rough(box: Box) -> Box:
    """As a hurried person draws it."""
    return Box(box.left - 9, box.top - 4, box.right + 6, box.bottom + 3)


def test_a_drawn_box_is_replaced_by_that_of_its_words_with_their_text(studio: Studio, running: Backend) -> None:
    xml = label_config("receipts")
    project = studio.create_project("Smart boxes", xml)
    studio.connect(project, running.url, is_interactive=True)
    [task] = studio.upload(project, files([PAGE], "smart"))
    [total] = [box.box for box in PAGE.boxes if box.label == "total"]
    with browser() as window:
        sign_in(window, studio)
        editor.open_task(window, studio, project, task)
        editor.take_smart_rectangle(window)
        editor.choose_label(window, "total")
        editor.draw(window, rough(total), PAGE.size)
        editor.wait_for_suggestion(window)
        editor.accept_suggestions(window)

        # Over no word the box stays as it was drawn, also where suggestions are accepted by themselves.
        editor.accept_by_itself(window)
        editor.choose_label(window, "date")
        editor.draw(window, EMPTY, PAGE.size)
        wait_in(window, f"return {editor.REGIONS} === 2 && {editor.ANSWERED}")
        editor.submit(window)
        wait_until(lambda: editor.submitted(studio, task), 30, "the annotation is saved")

    result = editor.submitted(studio, task)
    boxes = annotation_boxes({"result": result}, parse_labeling_config(xml), {0: PAGE.size}).boxes[0]
    assert [box.label for box in boxes] == ["total", "date"]
    snapped, empty = (box.box for box in boxes)
    assert snapped.iou(total) > 0.5
    assert rough(total).area > 1.5 * snapped.area
    assert empty.iou(EMPTY) > 0.9
    [text] = [part for part in result if part["type"] == "textarea"]
    words = [word.text for word in PAGE.words if word.box.intersection(total).area > 0]
    assert (text["id"], text["value"]["text"]) == (result[0]["id"], [" ".join(words)])

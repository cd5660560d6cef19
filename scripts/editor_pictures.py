"""Make the pictures of smart boxes, texts and field rules in Label Studio's editor.

    LABEL_STUDIO_BIN=.ls-venv/bin/label-studio python -m scripts.editor_pictures

Starts Label Studio and the backend, as `scripts.screenshot` does, and needs the same programs.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from selenium.webdriver.remote.webdriver import WebDriver

from backend.document.geometry import Box
from tests import editor
from tests.browser import browser, sign_in, wait_in
from tests.drawn import draw_receipt
from tests.flows.conftest import drawn_results, files, label_config
from tests.running import Backend, backend
from tests.studio import Studio, label_studio

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
RECEIPTS = [draw_receipt(seed) for seed in range(9)]
LEARN = 8
SHOWN = 3
"""The receipt that is drawn on."""
SETTLE_S = 2.0


def main() -> int:
    with (
        tempfile.TemporaryDirectory() as folder,
        label_studio(os.environ.get("LABEL_STUDIO_BIN", ".ls-venv/bin/label-studio")) as studio,
        backend(Path(folder) / "data", BASE_MODEL="none") as running,
        browser() as window,
    ):
        sign_in(window, studio)
        save_smart_box(window, studio, running)
        save_fields(window, studio, running)
    return 0


def save_smart_box(window: WebDriver, studio: Studio, running: Backend) -> None:
    """A rough box with its suggestion, and the text once it is accepted."""
    project = studio.create_project("Receipts", label_config("receipts"))
    studio.connect(project, running.url, is_interactive=True)
    [task] = studio.upload(project, files([RECEIPTS[SHOWN]], "receipt"))
    editor.open_task(window, studio, project, task)
    editor.take_smart_rectangle(window)
    for label in ("company", "address", "date", "total"):
        [box] = [drawn.box for drawn in RECEIPTS[SHOWN].boxes if drawn.label == label]
        editor.choose_label(window, label)
        rough = Box(box.left - 14, box.top - 4, box.right + 12, box.bottom + 6)
        editor.draw(window, rough, RECEIPTS[SHOWN].size)
        editor.wait_for_suggestion(window)
        if label == "total":
            _save(window, "smart-box")
        editor.accept_suggestions(window)
    _save(window, "text")


def save_fields(window: WebDriver, studio: Studio, running: Backend) -> None:
    """What a proposed field stands for, in the details of its region."""
    project = studio.create_project("Receipts with field rules", label_config("receipt_fields"))
    studio.connect(project, running.url)
    tasks = studio.upload(project, files(RECEIPTS, "receipt"))
    for task, page in list(zip(tasks, RECEIPTS, strict=True))[:LEARN]:
        studio.annotate(task, drawn_results(page))
    running.wait_for_version(project)
    studio.open_task(tasks[LEARN])
    editor.open_task(window, studio, project, tasks[LEARN])
    editor.select_region(window, "date")
    wait_in(window, f"return document.querySelector('{editor.NOTE}') !== null")
    _save(window, "fields")


def _save(window: WebDriver, name: str) -> None:
    time.sleep(SETTLE_S)  # what is drawn on the page's canvas cannot be asked for
    window.save_screenshot(str(IMAGES / f"{name}.png"))


if __name__ == "__main__":
    sys.exit(main())

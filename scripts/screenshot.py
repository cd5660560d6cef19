"""Make the pictures of the documents: forms with proposed boxes in Label Studio's editor, and the Model page.

    LABEL_STUDIO_BIN=.ls-venv/bin/label-studio python -m scripts.screenshot

Starts Label Studio and the backend, uploads drawn forms, annotates some of them through the API, waits for the trained
version and opens a form that nobody annotated. Needs `chromium` and `chromedriver` (Debian's packages of these names).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from tests.browser import browser, sign_in, wait_in
from tests.drawn import draw_form
from tests.flows.conftest import drawn_results, files, label_config
from tests.running import backend
from tests.studio import Studio, label_studio

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
FORMS = [draw_form(seed) for seed in range(12)]
LEARN = 8
WIDTH_PX = 1400
MODEL_HEIGHT_PX, EDITOR_HEIGHT_PX = 900, 1180
"""Of the window; what is seen of the page is some 140 pixels less high."""
SHOWS_REGIONS = (
    "return document.querySelectorAll('.lsf-outliner-item').length > 0"
    " && [...document.images].every(image => image.complete)"
)
SETTLE_S = 2.0


def main() -> int:
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        label_studio(os.environ.get("LABEL_STUDIO_BIN", ".ls-venv/bin/label-studio")) as studio,
        backend(Path(folder) / "data") as running,
        browser() as window,
    ):
        project = studio.create_project("Sample forms", label_config("forms"))
        studio.connect(project, running.url)
        tasks = studio.upload(project, files(FORMS, "form"))
        for task, page in zip(tasks[:LEARN], FORMS, strict=False):
            studio.annotate(task, drawn_results(page))
        running.wait_for_version(project)
        sign_in(window, studio)
        save_model_page(window, studio, project, IMAGES / "connect.png")
        save_prediction(window, studio, project, tasks[LEARN + 1], IMAGES / "preannotated-form.png")
        save_label_stream(window, studio, project, IMAGES / "demo.png")
    return 0


def save_model_page(window: WebDriver, studio: Studio, project: int, picture: Path) -> None:
    """Save the project's Model page with the connected backend."""
    window.set_window_size(WIDTH_PX, MODEL_HEIGHT_PX)
    window.get(f"{studio.url}/projects/{project}/settings/ml")
    wait_in(window, "return document.body.innerText.includes('Connected')")
    _save(window, picture)


def save_prediction(window: WebDriver, studio: Studio, project: int, task: int, picture: Path) -> None:
    """Save the editor with a task's prediction, all of its boxes drawn."""
    window.set_window_size(WIDTH_PX, EDITOR_HEIGHT_PX)
    window.get(f"{studio.url}/projects/{project}/data?task={task}")
    wait_in(window, "return document.querySelector('.lsf-annotation-button__userpic_prediction') !== null")
    tab = window.find_element(By.CSS_SELECTOR, ".lsf-annotation-button__userpic_prediction")
    window.execute_script("arguments[0].click()", tab)  # a true click leaves the mouse there, and a note over the page
    wait_in(window, SHOWS_REGIONS)
    _save(window, picture)


def save_label_stream(window: WebDriver, studio: Studio, project: int, picture: Path) -> None:
    """Save the next form of the label stream with its proposed boxes, ready to be submitted."""
    window.set_window_size(WIDTH_PX, EDITOR_HEIGHT_PX)
    window.get(f"{studio.url}/projects/{project}/data?labeling=1")
    wait_in(window, SHOWS_REGIONS)
    _save(window, picture)


def _save(window: WebDriver, picture: Path) -> None:
    # What is drawn on the page's canvas cannot be asked for.
    time.sleep(SETTLE_S)
    window.save_screenshot(str(picture))


if __name__ == "__main__":
    sys.exit(main())

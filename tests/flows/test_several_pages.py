"""Documents of several pages in a real Label Studio: split, imported, annotated, learnt from, predicted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.document.geometry import Box
from backend.document.region import LabelledBox, Region
from backend.label_studio.annotations import annotation_boxes
from backend.label_studio.config import parse_labeling_config
from backend.training.scores import score_pages
from tests import editor
from tests.browser import browser, needs_browser, sign_in, wait_in
from tests.drawn import DrawnPage, draw_form
from tests.flows.conftest import drawn_results, label_config
from tests.pages.pdfs import searchable
from tests.running import ROOT, Backend, backend
from tests.studio import TOKEN, Studio
from tests.waiting import wait_until

pytestmark = pytest.mark.label_studio

DPI = 100
DOCUMENTS = [(draw_form(2 * seed), draw_form(2 * seed + 1)) for seed in range(7)]
LEARN = 6
CONFIG = label_config("pages")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    data_dir = tmp_path_factory.mktemp("backend") / "data"
    with backend(data_dir, BASE_MODEL="none", TRAIN_QUIET_S="2", RECONCILE_S="5", READ_AHEAD_PAGES="0") as started:
        yield started


@pytest.fixture(scope="module")
def project(studio: Studio, running: Backend, tmp_path_factory: pytest.TempPathFactory) -> int:
    """A project of two-page documents, split and imported by the command, all but the last annotated and learnt."""
    folder = tmp_path_factory.mktemp("pdf")
    paths = [folder / f"document{number}.pdf" for number in range(len(DOCUMENTS))]
    for path, pages in zip(paths, DOCUMENTS, strict=True):
        path.write_bytes(searchable(pages, dpi=DPI))
    number = studio.create_project("Several pages", CONFIG)
    studio.connect(number, running.url)
    printed = split(studio, running, number, paths)
    assert printed.count("2 pages, 2 with text of their own; 1 task in project") == len(DOCUMENTS)
    for task, pages in list(zip(studio.tasks(number), DOCUMENTS, strict=True))[:LEARN]:
        studio.annotate(task["id"], results_of(pages))
    running.wait_for_version(number)
    return number


def split(studio: Studio, running: Backend, project: int, paths: list[Path]) -> str:
    """What the command prints."""
    environ = {"DATA_DIR": str(running.data_dir), "LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_API_KEY": TOKEN}
    done = subprocess.run(
        [sys.executable, "-m", "backend", "split", "--project", str(project), "--dpi", str(DPI), *map(str, paths)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def results_of(pages: tuple[DrawnPage, ...]) -> list[dict[str, Any]]:
    """What a person submits who draws the boxes of all pages."""
    return [
        {**result, "id": f"{at}-{result['id']}", "item_index": at}
        for at, page in enumerate(pages)
        for result in drawn_results(page)
    ]


def found_on(prediction: dict[str, Any], pages: tuple[DrawnPage, ...]) -> list[list[Region]]:
    """The predicted boxes of each page."""
    sizes = {at: page.size for at, page in enumerate(pages)}
    boxes = annotation_boxes(prediction, parse_labeling_config(CONFIG), sizes).boxes
    return [[Region(box.label, box.box, 1.0, "", ()) for box in boxes[at]] for at in sizes]


def f1(truth: list[LabelledBox], found: list[Region]) -> float:
    return score_pages([(truth, found)]).micro.f1


def test_each_page_of_a_document_gets_its_own_boxes(studio: Studio, running: Backend, project: int) -> None:
    pages = DOCUMENTS[LEARN]
    task = studio.tasks(project)[LEARN]
    assert len(task["data"]["pages"]) == 2
    [prediction] = studio.open_task(task["id"])["predictions"]
    assert {result["item_index"] for result in prediction["result"]} == {0, 1}
    found = found_on(prediction, pages)
    for at, page in enumerate(pages):
        assert f1(page.boxes, found[at]) > 0.5
        assert f1(page.boxes, found[1 - at]) < 0.2


def test_the_text_of_the_documents_was_used_and_no_ocr_ran(running: Backend, project: int) -> None:
    kept = list((running.data_dir / "ocr").rglob("*.json"))
    assert len(kept) == 2 * len(DOCUMENTS)


SHOWN = "return (window.Htx?.annotationStore?.selected?.objects?.find(one => one.type === 'image')?.regs ?? [])"
"""The boxes that the editor draws on the page that it shows."""


@needs_browser
def test_the_editor_shows_each_page_with_its_own_boxes(studio: Studio, running: Backend, project: int) -> None:
    task = studio.tasks(project)[LEARN]["id"]
    [prediction] = studio.open_task(task)["predictions"]
    with browser() as window:
        sign_in(window, studio)
        window.get(f"{studio.url}/projects/{project}/data?task={task}")
        tab = ".lsf-annotation-button__userpic_prediction"
        wait_in(window, f"return document.querySelector('{tab}') !== null")
        window.execute_script(f"document.querySelector('{tab}').click()")
        for at in range(2):
            wait_in(window, f"{SHOWN}.some(box => box.item_index === {at})")
            shown = window.execute_script(f"{SHOWN}.map(box => box.item_index)")
            assert shown == [at] * sum(result["item_index"] == at for result in prediction["result"])
            window.execute_script("document.querySelector('.lsf-pagination__btn_arrow-right').click()")


@needs_browser
def test_a_box_drawn_on_the_second_page_is_pulled_to_the_words_there(
    studio: Studio, running: Backend, tmp_path: Path
) -> None:
    pages = DOCUMENTS[0]
    path = tmp_path / "drawn-on.pdf"
    path.write_bytes(searchable(pages, dpi=DPI))
    project = studio.create_project("Drawn on the second page", CONFIG)
    studio.connect(project, running.url, is_interactive=True)
    split(studio, running, project, [path])
    [task] = [task["id"] for task in studio.tasks(project)]
    true = next(box.box for box in pages[1].boxes if box.label == "question")
    drawn = Box(true.left - 9, true.top - 4, true.right + 6, true.bottom + 3)
    with browser() as window:
        sign_in(window, studio)
        editor.open_task(window, studio, project, task)
        window.execute_script("document.querySelector('.lsf-pagination__btn_arrow-right').click()")
        wait_in(window, "return document.querySelector('.lsf-pagination__page-indicator')?.innerText.startsWith('2')")
        editor.take_smart_rectangle(window)
        editor.choose_label(window, "question")
        editor.draw(window, drawn, pages[1].size)
        editor.wait_for_suggestion(window)
        editor.accept_suggestions(window)
        editor.submit(window)
        wait_until(lambda: editor.submitted(studio, task), 30, "the annotation is saved")
    result = editor.submitted(studio, task)
    assert {part["item_index"] for part in result} == {1}
    sizes = {at: page.size for at, page in enumerate(pages)}
    [box] = annotation_boxes({"result": result}, parse_labeling_config(CONFIG), sizes).boxes[1]
    assert box.label == "question"
    assert box.box.iou(true) > 0.5
    assert drawn.area > 1.2 * box.box.area

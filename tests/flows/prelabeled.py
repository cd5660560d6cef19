"""A project of many pages in a real Label Studio, with a version on disk: what prelabelling is tried on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backend.document.label_set import LabelSet
from backend.model.tagger import PageTagger, save_tagger
from backend.training.fit_crf import fit_crf
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.drawn import draw_form
from tests.flows.conftest import files, label_config
from tests.pages_of_words import page_of_rows
from tests.running import ROOT
from tests.studio import TOKEN, Studio

LABELS = LabelSet(("question", "answer"))


def make_project(studio: Studio, title: str, pages: int, images: int = 3) -> tuple[int, list[int]]:
    """A project of forms and its tasks by ascending id; several tasks show the same image, which is read once."""
    project = studio.create_project(title, label_config("forms"))
    uploaded = studio.upload(project, files([draw_form(seed) for seed in range(images)], title))
    urls = [task["data"]["image"] for task in sorted(studio.tasks(project), key=lambda task: task["id"])]
    more = [{"data": {"image": urls[number % images]}} for number in range(images, pages)]
    if more:
        studio.api("POST", f"/api/projects/{project}/import", more)
    tasks = sorted(task["id"] for task in studio.tasks(project))
    assert len(tasks) == pages
    assert uploaded == tasks[:images]
    return project, tasks


def give_a_version(data_dir: Path, project: int) -> int:
    """A promoted version that was taught two words; its number."""
    page = page_of_rows(["Name:", "Ann"])
    fast = fit_crf([(page, [LABELS.begin("question"), LABELS.begin("answer")])], LABELS)
    store = VersionStore(ProjectFolder(data_dir, project))
    with store.stage() as staged:
        save_tagger(PageTagger(fast=fast), staged)
        number = store.publish(staged, {})
    store.promote(number, "test")
    return number


def environment(studio: Studio, data_dir: Path) -> dict[str, str]:
    """The settings of a backend for this Label Studio that reads quickly and never trains."""
    return {
        "DATA_DIR": str(data_dir),
        "LABEL_STUDIO_URL": studio.url,
        "LABEL_STUDIO_API_KEY": TOKEN,
        "BASE_MODEL": "none",
        "OCR_ENGINE": "tesseract",
        "READ_AHEAD_PAGES": "0",
    }


def start_command(studio: Studio, data_dir: Path, *arguments: str) -> subprocess.Popen[str]:
    """`python -m backend` with these arguments, as an operator starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "backend", "--quiet", *arguments],
        cwd=ROOT,
        env=os.environ | environment(studio, data_dir),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_command(studio: Studio, data_dir: Path, *arguments: str) -> str:
    """What such a command prints; it must succeed."""
    process = start_command(studio, data_dir, *arguments)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    return output


def versions_by_task(studio: Studio, project: int, tasks: Sequence[int]) -> dict[int, list[Any]]:
    """By task the versions of its predictions."""
    found = studio.api("GET", f"/api/predictions/?project={project}")
    return {task: [it["model_version"] for it in found if it["task"] == task] for task in tasks}


def stored(studio: Studio, project: int, version: str) -> int:
    """How many predictions of a version there are."""
    counts: dict[str, int] = studio.api("GET", f"/api/projects/{project}/model-versions/")
    return counts.get(version, 0)

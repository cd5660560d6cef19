"""Annotated pages out of a real Label Studio, and a model that was fine-tuned elsewhere into it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.document.label_set import LabelSet
from backend.model.classifier import WordClassifier
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.drawn import draw_form
from tests.flows.conftest import drawn_results, files, label_config
from tests.running import ROOT, Backend, backend
from tests.studio import TOKEN, Studio

pytestmark = pytest.mark.label_studio

FORMS = [draw_form(1), draw_form(1), draw_form(2)]
"""The model knows the first by heart; on others its boxes are too often wrong to be proposed."""
THEIR_LABELS = LabelSet(("TITLE", "QUESTION", "ANSWER"))
"""What a model that knows nothing of the project calls its labels."""
CONFIG = label_config("forms").replace('value="header"', 'value="header" predicted_values="TITLE"')


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    # No run begins by itself: what is served comes from the command.
    settings = {"BASE_MODEL": "none", "TRAIN_MIN_ANNOTATIONS": "50", "READ_AHEAD_PAGES": "0"}
    with backend(tmp_path_factory.mktemp("backend") / "data", **settings) as started:
        yield started


@pytest.fixture(scope="module")
def project(studio: Studio, running: Backend) -> int:
    """A project with three forms, two of them annotated."""
    number = studio.create_project("Exchange", CONFIG)
    studio.connect(number, running.url)
    for task, page in zip(studio.upload(number, files(FORMS, "form"))[:2], FORMS, strict=False):
        studio.annotate(task, drawn_results(page))
    return number


@pytest.fixture(scope="module")
def checkpoint(memorised: WordClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `save_pretrained` makes it, of a tiny model that knows the first form by heart."""
    folder = tmp_path_factory.mktemp("checkpoint") / "funsd-model"
    memorised.model.save_pretrained(folder)
    memorised.encoder.tokenizer.save(str(folder / "tokenizer.json"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["id2label"] = dict(enumerate(THEIR_LABELS.tag_names()))
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def command(studio: Studio, running: Backend, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {"DATA_DIR": str(running.data_dir), "LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_API_KEY": TOKEN}
    environ |= {"PATH": os.environ["PATH"], "BASE_MODEL": "none", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "backend", "--quiet", *arguments],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=900,
    )


def test_annotated_pages_are_exported(studio: Studio, running: Backend, project: int, tmp_path: Path) -> None:
    done = command(studio, running, "export", "--project", str(project), "--format", "funsd", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "2 pages in" in done.stdout
    first, second = sorted((tmp_path / "training_data" / "annotations").iterdir())
    form = json.loads(first.read_text(encoding="utf-8"))["form"]
    labels = [entity["label"] for entity in form]
    for label in ("header", "question", "answer"):
        drawn = sum(box.label == label for box in FORMS[0].boxes)
        assert 0.8 * drawn <= labels.count(label) <= drawn
    assert second.with_suffix(".png").name in os.listdir(tmp_path / "training_data" / "images")
    again = command(studio, running, "export", "--project", str(project), "--format", "hf", "--out", str(tmp_path))
    assert (again.returncode, again.stderr.split(":")[0]) == (1, "folder_not_empty")


def test_an_imported_model_is_served(studio: Studio, running: Backend, project: int, checkpoint: Path) -> None:
    done = command(studio, running, "import-checkpoint", "--project", str(project), str(checkpoint))
    assert done.returncode == 0, done.stderr
    assert "labels: TITLE -> header, QUESTION -> question, ANSWER -> answer" in done.stdout
    assert f"project {project} serves v1" in done.stdout
    store = VersionStore(ProjectFolder(running.data_dir, project))
    assert store.manifest(1)["metrics"]["held_out"]["pages"] == 2
    assert running.wait_for_version(project, idle=False) == "v1"
    task = studio.tasks(project)[0]["id"]
    studio.retrieve_predictions(project, [task])
    [prediction] = studio.predictions(task)
    assert prediction["model_version"] == "v1"
    labels = {label for result in prediction["result"] for label in result["value"]["rectanglelabels"]}
    assert labels == {"header", "question", "answer"}
    assert len(prediction["result"]) > 0.5 * len(FORMS[0].boxes)

"""A real deep fit that takes some seconds, for runs that are killed and told to end in the middle of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from backend.document.label_set import LabelSet
from backend.document.region import LabelledBox
from backend.jobs.run_notes import RunNotes
from backend.jobs.train_job import Recorder
from backend.model.base_models import choose_base_model
from backend.pipelines.annotated import AnnotatedTask, TrainingSet
from backend.pipelines.fitting import DeepFit, checkpoints_of, fit_deep
from backend.versions.project import ProjectFolder
from tests.pages_of_words import page_of_rows

STEPS = 40
PAGE = page_of_rows(["Name:", "", "Ann", "Lee"], ["Date:", "", "12.03.2024"])
PAGES = TrainingSet(LabelSet(("name",)), [AnnotatedTask(1, (PAGE,), ((LabelledBox("name", PAGE.words[1].box),),))], [])


def learn(folder: ProjectFolder, progress: Recorder, notes: RunNotes, tell: Callable[[str], None]) -> None:
    """Fit the model in `tiny`, with a pause after each step; a line is told of each."""

    def show(**fields: Any) -> None:
        progress(**fields)
        if fields.get("step") and "loss" not in fields:
            tell(f"step {fields['step']}")

    work = DeepFit(
        choose_base_model(str(folder.data_dir / "tiny"), has_gpu=False),
        folder.data_dir / "starter",
        folder.runs,
        torch.device("cpu"),
        STEPS,
        show,
        meanwhile=lambda: time.sleep(0.1),
        interruptible=notes.interruptible,
        checkpoint_every_s=0.3,
    )
    with checkpoints_of(folder.runs):
        fit_deep(PAGES, work)

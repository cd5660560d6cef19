"""The deep learner of a run: the base model, fine-tuned on the run's pages."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from backend.errors import ServiceError
from backend.model.base_models import BaseModel
from backend.model.classifier import WordClassifier
from backend.model.folders import load_base
from backend.model.starter import ensure_starter
from backend.pipelines.annotated import AnnotatedTask, TrainingSet
from backend.pipelines.progress import Progress
from backend.training.examples import Example, page_examples
from backend.training.fit import fit
from backend.training.plan import TrainPlan, plan_for

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeepFit:
    """What fitting needs besides the pages.

    Attributes:
        starter_folder: where the starter is, or will be assembled.
        runs: folder for checkpoints, removed at the end; the project's lock makes everything in it ours.
        most_steps: cap on the optimizer steps; 0 for none.
    """

    base: BaseModel
    starter_folder: Path
    runs: Path
    device: torch.device
    most_steps: int
    progress: Progress


def fit_deep(pages: TrainingSet, work: DeepFit) -> tuple[WordClassifier, TrainPlan]:
    """The fitted classifier, and the recipe that was used.

    Raises:
        TrainingRefused: `diverged`.
        ServiceError: the base model cannot be had or does not take word boxes.
    """
    folder = ensure_starter(work.starter_folder) if work.base.is_starter else work.base.folder
    if folder is None:
        raise ServiceError("base_model_missing", f"the base model {work.base.name} has no folder", "set BASE_MODEL")
    torch.manual_seed(0)  # the new head is random: make it the same each time
    model, encoder = load_base(folder, pages.label_set)

    def examples(tasks: Sequence[AnnotatedTask]) -> list[Example]:
        return [one for page, tags in pages.tagged(tasks) for one in page_examples(page, tags, encoder)]

    def report(step: int, steps: int, loss: float | None) -> None:
        work.progress(stage="fit", step=step, steps=steps, loss=loss)
        LOG.info("fitting", extra={"step": step, "steps": steps, "loss": loss})

    plan = plan_for(len(pages.learn_from), starter=work.base.is_starter, most_steps=work.most_steps)
    report(0, plan.steps, None)
    try:
        fitted = fit(
            model,
            encoder,
            examples(pages.learn_from),
            examples(pages.held_out),
            plan=plan,
            device=work.device,
            workdir=work.runs / time.strftime("%Y%m%d-%H%M%S"),
            progress=report,
        )
    finally:
        shutil.rmtree(work.runs, ignore_errors=True)
    return WordClassifier(fitted, encoder, pages.label_set, work.device), plan

"""The deep learner of a run: the base model, fine-tuned on the run's pages."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from backend.errors import ServiceError, TrainingRefused
from backend.model.base_models import BaseModel
from backend.model.classifier import WordClassifier
from backend.model.folders import load_base
from backend.model.starter import ensure_starter
from backend.pipelines.annotated import AnnotatedTask, TrainingSet
from backend.pipelines.progress import Meanwhile, Progress, nothing_meanwhile
from backend.training.examples import Example, page_examples
from backend.training.fit import fit
from backend.training.memory import plan_that_fits, room_for_training
from backend.training.plan import TrainPlan, plan_for

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeepFit:
    """What fitting needs besides the pages.

    Attributes:
        starter_folder: where the starter is, or will be assembled.
        runs: folder for checkpoints, removed at the end; the project's lock makes everything in it ours.
        most_steps: cap on the optimizer steps; 0 for none.
        meanwhile: called after each optimizer step.
    """

    base: BaseModel
    starter_folder: Path
    runs: Path
    device: torch.device
    most_steps: int
    progress: Progress
    meanwhile: Meanwhile = nothing_meanwhile


def fit_deep(pages: TrainingSet, work: DeepFit) -> tuple[WordClassifier, TrainPlan]:
    """The fitted classifier, and the recipe that was used: the usual one, or a slower one if that diverged.

    Raises:
        TrainingRefused: `diverged`, twice.
        ServiceError: the base model cannot be had or does not take word boxes; `out_of_memory`, of a GPU.
    """
    folder = ensure_starter(work.starter_folder) if work.base.is_starter else work.base.folder
    if folder is None:
        raise ServiceError("base_model_missing", f"the base model {work.base.name} has no folder", "set BASE_MODEL")
    plan = plan_for(len(pages.learn_from), starter=work.base.is_starter, most_steps=work.most_steps)
    plan = plan_that_fits(plan, folder, room_for_training(work.device))
    slower: TrainPlan | None = plan.slower()
    while True:
        try:
            return _fit_base(folder, pages, plan, work), plan
        except TrainingRefused as refusal:
            if refusal.code != "diverged" or slower is None:
                raise
            LOG.warning("fitting once more, slower", extra={"code": refusal.code, "cause": refusal.message})
            plan, slower = slower, None
        except torch.OutOfMemoryError as error:
            plan, slower = _thriftier(plan, error), slower and _thriftier(slower, error)
        # Outside of the handlers, which would keep the model of that try in memory.
        torch.cuda.empty_cache()


def _thriftier(plan: TrainPlan, error: torch.OutOfMemoryError) -> TrainPlan:
    """The recipe in less memory.

    Raises:
        ServiceError: `out_of_memory`: it cannot do with less.
    """
    found = plan.thriftier()
    if found is None:
        raise ServiceError(
            "out_of_memory", "the memory of the GPU is not enough to learn from a single page", "set DEVICE=cpu"
        ) from error
    LOG.warning("fitting once more, in less memory", extra={"batch_size": found.batch_size, "code": "out_of_memory"})
    return found


def _fit_base(folder: Path, pages: TrainingSet, plan: TrainPlan, work: DeepFit) -> WordClassifier:
    """The base model in a folder, fitted to the pages."""
    torch.manual_seed(0)  # the new head is random: make it the same each time
    model, encoder = load_base(folder, pages.label_set, work.device)

    def examples(tasks: Sequence[AnnotatedTask]) -> list[Example]:
        return [one for page, tags in pages.tagged(tasks) for one in page_examples(page, tags, encoder)]

    def report(step: int, steps: int, loss: float | None) -> None:
        work.progress(stage="fit", step=step, steps=steps, loss=loss)
        LOG.info("fitting", extra={"step": step, "steps": steps, "loss": loss})

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
            meanwhile=work.meanwhile,
        )
    finally:
        shutil.rmtree(work.runs, ignore_errors=True)
    return WordClassifier(fitted, encoder, pages.label_set, work.device)

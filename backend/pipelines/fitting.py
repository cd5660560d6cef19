"""The deep learner of a run: the base model, fine-tuned on the run's pages."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from backend.errors import ServiceError, TrainingRefused, TrainingStopped
from backend.model.base_models import BaseModel
from backend.model.classifier import WordClassifier
from backend.model.folders import load_base
from backend.model.starter import ensure_starter
from backend.pipelines.annotated import AnnotatedTask, TrainingSet
from backend.pipelines.progress import Interruptible, Meanwhile, Progress, not_interrupted, nothing_meanwhile
from backend.pipelines.room import ROOM_FOR_RUN, weights_bytes
from backend.training.checkpoints import EVERY_S, remove_foreign
from backend.training.examples import Example, page_examples
from backend.training.fingerprint import fit_fingerprint
from backend.training.fit import fit
from backend.training.memory import plan_that_fits, room_for_training
from backend.training.plan import TrainPlan, plan_for
from backend.training.run_reports import RunReports
from backend.versions.space import require_room

LOG = logging.getLogger(__name__)

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class DeepFit:
    """What fitting needs besides the pages.

    Attributes:
        starter_folder: where the starter is, or will be assembled.
        runs: folder for checkpoints; the project's lock makes everything in it ours.
        most_steps: cap on the optimizer steps; 0 for none.
        meanwhile: called after each optimizer step.
        interruptible: gives the fit time to write a checkpoint when the process is to end.
        may_use_cpu: go on there when the memory of the GPU is not enough.
        checkpoint_every_s: shortest time between two checkpoints.
        reports: who else is told how the fit goes.
    """

    base: BaseModel
    starter_folder: Path
    runs: Path
    device: torch.device
    most_steps: int
    progress: Progress
    meanwhile: Meanwhile = nothing_meanwhile
    interruptible: Interruptible = not_interrupted
    may_use_cpu: bool = False
    checkpoint_every_s: float = EVERY_S
    reports: RunReports = field(default_factory=RunReports)


@contextmanager
def checkpoints_of(runs: Path) -> Iterator[None]:
    """Around everything that would have to be done again if the fit were lost: from its start until it is published.

    Checkpoints survive the end of the process, asked for or not, and nothing else.
    """
    try:
        yield
    except TrainingStopped:
        raise
    except BaseException:
        shutil.rmtree(runs, ignore_errors=True)
        raise
    shutil.rmtree(runs, ignore_errors=True)


def fit_deep(pages: TrainingSet, work: DeepFit) -> tuple[WordClassifier, TrainPlan]:
    """The fitted classifier, and the recipe that was used: the usual one, or a slower one if that diverged.

    To be called inside of `checkpoints_of`. A fit that was killed goes on from its last checkpoint, if the pages, the
    labels, the base model and the recipe are the same.

    Raises:
        TrainingRefused: `diverged`, twice.
        TrainingStopped: the process is to end.
        ServiceError: the base model cannot be had or does not take word boxes; `out_of_memory`, of a GPU; `disk_full`.
    """
    folder = ensure_starter(work.starter_folder) if work.base.is_starter else work.base.folder
    if folder is None:
        raise ServiceError("base_model_missing", f"the base model {work.base.name} has no folder", "set BASE_MODEL")
    require_room(work.runs, ROOM_FOR_RUN * weights_bytes(folder))
    usual = plan_for(len(pages.learn_from), starter=work.base.is_starter, most_steps=work.most_steps)
    plan = plan_that_fits(usual, folder, room_for_training(work.device))
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
            thriftier = plan.thriftier()
            if thriftier is None:
                work = _on_cpu(work, error)
                plan = replace(plan, batch_size=usual.batch_size, accumulation=usual.accumulation, checkpointing=False)
                plan = plan_that_fits(plan, folder, room_for_training(work.device))
            else:
                plan, slower = thriftier, slower and slower.thriftier()
            about = {"batch_size": plan.batch_size, "device": str(work.device), "code": "out_of_memory"}
            LOG.warning("fitting goes on in less memory", extra=about)
        # Outside of the handlers, which would keep the model of that try in memory.
        torch.cuda.empty_cache()


def _on_cpu(work: DeepFit, error: torch.OutOfMemoryError) -> DeepFit:
    """The same work on the processor.

    Raises:
        ServiceError: `out_of_memory`: it is to be done on the GPU, or was on the processor already.
    """
    if not work.may_use_cpu or work.device == CPU:
        raise ServiceError(
            "out_of_memory", "the memory of the GPU is not enough to learn from a single page", "set DEVICE=cpu"
        ) from error
    return replace(work, device=CPU)


def _fit_base(folder: Path, pages: TrainingSet, plan: TrainPlan, work: DeepFit) -> WordClassifier:
    """The base model in a folder, fitted to the pages."""
    torch.manual_seed(0)  # the new head is random: make it the same each time
    model, encoder = load_base(folder, pages.label_set, work.device)

    def examples(tasks: Sequence[AnnotatedTask]) -> list[Example]:
        return [one for page, tags in pages.tagged(tasks) for one in page_examples(page, tags, encoder)]

    def report(step: int, steps: int, loss: float | None) -> None:
        work.progress(stage="fit", step=step, steps=steps, **({} if loss is None else {"loss": loss}))
        if loss is not None:
            LOG.info("fitting", extra={"step": step, "steps": steps, "loss": loss})

    work.progress(stage="fit", step=0, steps=plan.steps, loss=None)
    learn_from, held_out = examples(pages.learn_from), examples(pages.held_out)
    workdir = work.runs / fit_fingerprint(folder, pages.label_set, plan, learn_from, held_out)
    remove_foreign(work.runs, workdir)
    with work.interruptible() as stop_asked:
        fitted = fit(
            model,
            encoder,
            learn_from,
            held_out,
            plan=plan,
            device=work.device,
            workdir=workdir,
            progress=report,
            meanwhile=work.meanwhile,
            checkpoint_every_s=work.checkpoint_every_s,
            stop_asked=stop_asked,
            reports=work.reports,
        )
    return WordClassifier(fitted, encoder, pages.label_set, work.device)

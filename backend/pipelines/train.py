"""The train story: the saved annotations of a project to a model version, promoted when it is not worse.

    export -> labelled boxes -> words (OCR, cached) -> tags -> split -> fit -> save -> try -> judge -> promote or refuse

A run learns at two speeds: the fast learner's version is offered within seconds, the one with both in minutes.

The export is Label Studio's own and complete, whatever webhooks got lost. Nothing here touches the version that is
being served until the last step.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.errors import ServiceError, TrainingRefused, VersionError
from backend.label_studio.config import parse_labeling_config
from backend.model.base_models import STARTER, BaseModel
from backend.model.classifier import WordClassifier
from backend.model.folders import load_base
from backend.model.starter import ensure_starter
from backend.model.tagger import PageTagger, load_tagger, save_tagger
from backend.pipelines.annotated import AnnotatedTask, AnnotationReader, check_enough
from backend.pipelines.gate import LEAST_COMPARED, Champion, Verdict, judge
from backend.pipelines.progress import Progress
from backend.pipelines.reading import Fetch, PageReader
from backend.training.examples import Example, page_examples
from backend.training.fit import fit
from backend.training.fit_crf import fit_crf
from backend.training.plan import TrainPlan, plan_for
from backend.training.split import split
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore, version_name

LOG = logging.getLogger(__name__)

TRY_TIMEOUT_S = 300


class AnnotationSource(Protocol):
    """Label Studio, as far as training needs it; `label_studio.client.LabelStudioClient` is one."""

    def fingerprint(self, project_id: int) -> str:
        """Changes whenever an annotation of the project is added, changed or removed."""

    def project(self, project_id: int) -> dict[str, Any]:
        """The project, with its `label_config`."""

    def annotated_tasks(self, project_id: int) -> Iterator[dict[str, Any]]:
        """Every task with an annotation, with its annotations."""


@dataclass(slots=True)
class RunReport:
    """What a run came to.

    Attributes:
        version: number of the version it made.
        reason: why the version was promoted or refused, for people.
        annotations: annotated tasks it used.
        fingerprint: state of the annotations in Label Studio when they were exported.
        metrics: figures of the new version and of the live one on the same held-out pages.
    """

    version: int | None = None
    promoted: bool = False
    reason: str = ""
    annotations: int = 0
    fingerprint: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrainScene:
    """Everything a run needs besides the annotations themselves.

    Attributes:
        starter_folder: where the starter is, or will be assembled.
        least_tasks: annotated tasks below which there is no run.
        most_steps: cap on the optimizer steps; 0 for none.
        keep_versions: versions that stay on disk besides the live one.
    """

    project: ProjectFolder
    base: BaseModel
    starter_folder: Path
    reader: PageReader
    fetch: Fetch
    device: torch.device
    least_tasks: int
    most_steps: int
    keep_versions: int
    progress: Progress


def train_project(annotations: AnnotationSource, scene: TrainScene) -> RunReport:
    """Train, judge and perhaps promote a new version of a project.

    Raises:
        TrainingRefused: too few annotations, nothing labelled, too many unreadable images, or weights that diverged.
        LabelStudioError: Label Studio is down or refuses the token.
        ConfigError: the project's labeling configuration cannot be served.
    """
    project_id = scene.project.project_id
    fingerprint = annotations.fingerprint(
        project_id
    )  # before the export: what changes meanwhile is trained on next time
    scene.progress(stage="export", fingerprint=fingerprint)
    config = parse_labeling_config(annotations.project(project_id)["label_config"])
    if not config.labels:
        raise TrainingRefused(
            "no_labels", "the labeling configuration has no labels", "add Label tags to RectangleLabels"
        )

    reader = AnnotationReader(scene.reader, scene.fetch, config, pictures=scene.base.name != STARTER)
    tasks = reader.read_tasks(annotations.annotated_tasks(project_id), scene.progress)
    check_enough(tasks, config.label_set, scene.least_tasks)

    learnt, judged = split(project_id, {task.task_id for task in tasks})
    learn_from = [task for task in tasks if task.task_id in learnt]
    held_out = [task for task in tasks if task.task_id in judged]

    run = _Run(scene, config.label_set, learn_from, held_out)
    fast = fit_crf(_tagged_pages(learn_from, config.label_set), config.label_set)
    if run.can_be_compared():
        # Seconds after the annotation: the pages that are opened while the deep learner is fitted have boxes already.
        run.offer(PageTagger(fast=fast), {"learners": ["fast"]})
    deep, plan = _fit_deep(run)
    number, verdict = run.offer(PageTagger(fast=fast, deep=deep), {"learners": ["fast", "deep"], "plan": asdict(plan)})
    VersionStore(scene.project).prune(scene.keep_versions)
    return RunReport(number, verdict.promote, verdict.reason, len(tasks), fingerprint, verdict.metrics)


@dataclass(frozen=True, slots=True)
class _Run:
    """One run's pages and the versions it offers."""

    scene: TrainScene
    label_set: LabelSet
    learn_from: Sequence[AnnotatedTask]
    held_out: Sequence[AnnotatedTask]

    def can_be_compared(self) -> bool:
        """Whether a lesser version may be offered: there is none to lose yet, or the gate has pages to decide on."""
        champion = _champion(VersionStore(self.scene.project), self.scene.device)
        return champion is None or len(champion.unseen(self.held_out)) >= LEAST_COMPARED

    def offer(self, tagger: PageTagger, facts: dict[str, Any]) -> tuple[int, Verdict]:
        """Save a version, try it, judge it, publish it, and promote it when it is not worse than the live one.

        Raises:
            TrainingRefused: `version_damaged`: what was saved does not work; it is not published.
        """
        store = VersionStore(self.scene.project)
        self.scene.progress(stage="judge")
        with store.stage() as staged:
            save_tagger(tagger, staged)
            _try_in_fresh_process(staged)
            challenger = load_tagger(staged, self.scene.device)
            verdict = judge(challenger, _champion(store, self.scene.device), self.held_out)
            number = store.publish(staged, self._facts() | facts | {"metrics": verdict.metrics})
        if verdict.promote:
            store.promote(number, verdict.reason)
        else:
            store.refuse(number, verdict.reason)
        LOG.info(
            "version made",
            extra={
                "project": self.scene.project.project_id,
                "version": version_name(number),
                "learners": facts["learners"],
                "promoted": verdict.promote,
                "reason": verdict.reason,
            },
        )
        return number, verdict

    def _facts(self) -> dict[str, Any]:
        return {
            "base_model": self.scene.base.name,
            "base_model_licence": self.scene.base.licence,
            "labels": list(self.label_set.names),
            "trained_on": [task.task_id for task in self.learn_from],
            "held_out": [task.task_id for task in self.held_out],
        }


def _tagged_pages(tasks: Sequence[AnnotatedTask], label_set: LabelSet) -> list[tuple[Page, list[int]]]:
    return [pair for task in tasks for pair in zip(task.pages, task.tags(label_set), strict=True)]


def _fit_deep(run: _Run) -> tuple[WordClassifier, TrainPlan]:
    """The deep learner fitted from the base model, and the recipe that was used."""
    scene, label_set = run.scene, run.label_set
    is_starter = scene.base.name == STARTER
    folder = ensure_starter(scene.starter_folder) if is_starter else scene.base.folder
    if folder is None:
        raise ServiceError("base_model_missing", f"the base model {scene.base.name} has no folder", "set BASE_MODEL")
    torch.manual_seed(0)  # the new head is random: make it the same each time
    model, encoder = load_base(folder, label_set)

    def examples(tasks: Sequence[AnnotatedTask]) -> list[Example]:
        return [one for page, tags in _tagged_pages(tasks, label_set) for one in page_examples(page, tags, encoder)]

    def report(step: int, steps: int, loss: float | None) -> None:
        scene.progress(stage="fit", step=step, steps=steps, loss=loss)
        LOG.info("fitting", extra={"project": scene.project.project_id, "step": step, "steps": steps, "loss": loss})

    plan = plan_for(len(run.learn_from), starter=is_starter, most_steps=scene.most_steps)
    workdir = scene.project.runs / time.strftime("%Y%m%d-%H%M%S")
    report(0, plan.steps, None)
    try:
        fitted = fit(
            model,
            encoder,
            examples(run.learn_from),
            examples(run.held_out),
            plan=plan,
            device=scene.device,
            workdir=workdir,
            progress=report,
        )
    finally:
        shutil.rmtree(scene.project.runs, ignore_errors=True)  # the lock makes every run in there ours
    return WordClassifier(fitted, encoder, label_set, scene.device), plan


def _try_in_fresh_process(staged: Path) -> None:
    """Load the saved version and predict a page where nothing of this process can help.

    Raises:
        TrainingRefused: `version_damaged`.
    """
    command = [sys.executable, "-m", "backend", "try-version", str(staged)]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=TRY_TIMEOUT_S)
    if tried.returncode != 0:
        LOG.error("the saved version does not work", extra={"output": tried.stderr[-2000:]})
        raise TrainingRefused("version_damaged", "the saved version does not load in a fresh process", "see the log")


def _champion(store: VersionStore, device: torch.device) -> Champion | None:
    """The live version; None when there is none that works."""
    number = store.servable()
    if number is None:
        return None
    try:
        tagger = load_tagger(store.folder(number), device)
    except VersionError as error:
        LOG.error("the live version does not load", extra={"version": number, "code": error.code})
        return None
    return Champion(tagger, frozenset(store.manifest(number).get("trained_on", ())))

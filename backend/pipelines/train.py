"""The train story: the saved annotations of a project to a model version, promoted when it is not worse.

    export -> labelled boxes -> words (OCR, cached) -> tags -> split -> fit -> save -> try -> judge -> promote or refuse

A run learns at two speeds: the fast learner's version is offered within seconds, the one with both in minutes. The
export is Label Studio's own and complete, whatever webhooks got lost. Nothing here touches the version that is being
served until a new one is promoted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from backend.errors import TrainingRefused
from backend.label_studio.config import parse_labeling_config
from backend.model.base_models import BaseModel
from backend.model.tagger import PageTagger
from backend.pipelines.annotated import AnnotationReader, TrainingSet, check_enough
from backend.pipelines.fitting import DeepFit, fit_deep
from backend.pipelines.offer import Offers
from backend.pipelines.progress import Progress
from backend.pipelines.reading import Fetch, PageReader
from backend.training.fit_crf import fit_crf
from backend.training.split import split
from backend.versions.project import ProjectFolder


class AnnotationSource(Protocol):
    """Label Studio, as far as training needs it; `label_studio.client.LabelStudioClient` is one."""

    def fingerprint(self, project_id: int) -> str:
        """Changes whenever an annotation of the project is added, changed or removed."""

    def project(self, project_id: int) -> dict[str, Any]:
        """The project, with its `label_config`."""

    def annotated_tasks(self, project_id: int) -> Iterator[dict[str, Any]]:
        """Every task with an annotation, with its annotations."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run came to.

    Attributes:
        version: number of the version it made.
        reason: why the version was promoted or refused, for people.
        annotations: annotated tasks it used.
        fingerprint: state of the annotations in Label Studio when they were exported.
        metrics: figures of the new version and of the live one on the same held-out pages.
    """

    version: int
    promoted: bool
    reason: str
    annotations: int
    fingerprint: str
    metrics: dict[str, Any]


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
    """Train, judge and perhaps promote new versions of a project.

    Raises:
        TrainingRefused: too few annotations, nothing labelled, too many unreadable images, or weights that diverged.
        LabelStudioError: Label Studio is down or refuses the token.
        ConfigError: the project's labeling configuration cannot be served.
    """
    project_id = scene.project.project_id
    # Asked before the export, so that what changes meanwhile is trained on next time.
    fingerprint = annotations.fingerprint(project_id)
    scene.progress(stage="export", fingerprint=fingerprint)
    config = parse_labeling_config(annotations.project(project_id)["label_config"])
    if not config.labels:
        message = "the labeling configuration has no labels"
        raise TrainingRefused("no_labels", message, "add Label tags to RectangleLabels")

    reader = AnnotationReader(scene.reader, scene.fetch, config, pictures=not scene.base.is_starter)
    tasks = reader.read_tasks(annotations.annotated_tasks(project_id), scene.progress)
    check_enough(tasks, config.label_set, scene.least_tasks)

    learnt, judged = split(project_id, {task.task_id for task in tasks})
    pages = TrainingSet(
        config.label_set,
        learn_from=[task for task in tasks if task.task_id in learnt],
        held_out=[task for task in tasks if task.task_id in judged],
    )
    offers = Offers(scene.project, scene.base, pages, scene.device, scene.progress)

    fast = fit_crf(pages.tagged(pages.learn_from), pages.label_set)
    if offers.may_be_lesser():
        # Seconds after the annotation: pages that are opened while the deep learner is fitted have boxes already.
        offers.make(PageTagger(fast=fast), {"learners": ["fast"]})

    work = DeepFit(scene.base, scene.starter_folder, scene.project.runs, scene.device, scene.most_steps, scene.progress)
    deep, plan = fit_deep(pages, work)
    both = PageTagger(fast=fast, deep=deep)
    number, verdict = offers.make(both, {"learners": ["fast", "deep"], "plan": asdict(plan)})
    offers.prune(scene.keep_versions)
    return RunReport(number, verdict.promote, verdict.reason, len(tasks), fingerprint, verdict.metrics)

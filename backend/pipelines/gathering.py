"""What a run learns from: the annotations exported from Label Studio, read, and split."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from backend.errors import TrainingRefused
from backend.label_studio.config import LabelingConfig, parse_labeling_config
from backend.model.base_models import BaseModel
from backend.pipelines.annotated import AnnotatedTask, AnnotationReader, TrainingSet, check_enough
from backend.pipelines.choosing import choose_to_judge, choose_to_learn
from backend.pipelines.exported import read_export
from backend.pipelines.progress import Progress
from backend.pipelines.reading import Fetch, ReadsPages
from backend.pipelines.schedule import Schedule
from backend.reports.effort import Effort
from backend.reports.ocr_quality import OcrQuality, measure_ocr
from backend.training.habits import with_habits
from backend.training.split import split
from backend.versions.project import ProjectFolder

LOG = logging.getLogger(__name__)


class AnnotationSource(Protocol):
    """Label Studio, as far as training needs it; `label_studio.client.LabelStudioClient` is one."""

    def fingerprint(self, project_id: int) -> str:
        """Changes whenever an annotation of the project is added, changed or removed."""

    def project(self, project_id: int) -> dict[str, Any]:
        """The project, with its `label_config`."""

    def annotated_tasks(self, project_id: int) -> Iterator[dict[str, Any]]:
        """Every task with an annotation, with its annotations."""


@dataclass(frozen=True, slots=True)
class TrainScene:
    """Everything a run needs besides the annotations themselves.

    Attributes:
        base: the base model of the deep learner, as far as it is known without a download.
        find_base: gets it, from the hub if need be; raises ServiceError when it cannot be had.
        starter_folder: where the starter is, or will be assembled.
        reader_for: gives what reads the pages of a project that has this labeling configuration.
        least_tasks: annotated tasks below which there is no run.
        most_tasks: annotated tasks that are used; of more the ones annotated last.
        most_steps: cap on the optimizer steps; 0 for none.
        least_precision: share of the proposed regions of a label that is to be right; 0 for no such bound.
        keep_versions: versions that stay on disk besides the live one.
        label_studio_url: as people reach Label Studio; empty where nobody said.
        least_readable: share of the annotated tasks whose images must be readable; with fewer something is wrong.
        may_use_cpu: fit the deep learner there when the memory of the GPU is not enough.
        report_to: names of those who are told how the deep fit goes, see `training/run_reports.py`.
        news_from: Label Studio asked with less patience, for what is learnt beside the deep fit; None for the same.
    """

    project: ProjectFolder
    base: BaseModel
    find_base: Callable[[], BaseModel]
    starter_folder: Path
    reader_for: Callable[[LabelingConfig], ReadsPages]
    fetch: Fetch
    device: torch.device
    least_tasks: int
    most_tasks: int
    most_steps: int
    least_precision: float
    keep_versions: int
    progress: Progress
    schedule: Schedule
    label_studio_url: str = ""
    least_readable: float = 0.8
    may_use_cpu: bool = False
    report_to: tuple[str, ...] = ()
    news_from: AnnotationSource | None = None


@dataclass(frozen=True, slots=True)
class Gathered:
    """An export that was read.

    Attributes:
        fingerprint: state of the annotations in Label Studio when they were exported.
        tasks: the annotated tasks that are used, of both parts of `pages`, oldest first.
        effort: what people had to do to the boxes that were proposed to them.
        ocr: how well OCR read what people wrote, in all tasks that could be read.
    """

    fingerprint: str
    config: LabelingConfig
    pages: TrainingSet
    tasks: tuple[AnnotatedTask, ...]
    effort: Effort
    ocr: OcrQuality


def gather(annotations: AnnotationSource, scene: TrainScene, *, pictures: bool) -> Gathered:
    """Everything annotated in the project now.

    Args:
        pictures: the pages' pictures too, for a visual model.

    Raises:
        TrainingRefused: too few annotations, or nothing labelled.
        ServiceError: `images_unavailable`.
        LabelStudioError: Label Studio is down or refuses the token.
        ConfigError: the project's labeling configuration cannot be served.
    """
    project_id = scene.project.project_id
    scene.schedule.export_begins()
    scene.progress(stage="export")
    # Asked before the export, so that what changes meanwhile is learnt next time.
    fingerprint = annotations.fingerprint(project_id)
    scene.progress(stage="export", fingerprint=fingerprint)
    config = parse_labeling_config(annotations.project(project_id)["label_config"])
    if not config.labels:
        message = "the labeling configuration has no labels"
        raise TrainingRefused("no_labels", message, "add Label tags to RectangleLabels")

    reader = AnnotationReader(scene.reader_for(config), scene.fetch, config, pictures, scene.least_readable)
    export = read_export(annotations.annotated_tasks(project_id), config, scene.most_tasks)
    read = reader.read_tasks(export, scene.progress)
    tasks = read.tasks
    learnt, judged = split(project_id, {task.task_id for task in tasks})
    learn_from = choose_to_learn([task for task in tasks if task.task_id in learnt])
    held_out = choose_to_judge([task for task in tasks if task.task_id in judged])
    chosen = {"learn_from": learn_from.facts, "held_out": held_out.facts, "left_out": read.left_out}
    LOG.info("pages chosen", extra={"project": project_id, **chosen})
    label_set = with_habits(config.label_set, [boxes for task in learn_from.tasks for boxes in task.boxes])
    pages = TrainingSet(label_set, learn_from=learn_from.tasks, held_out=held_out.tasks, chosen=chosen)
    check_enough(tasks, pages, scene.least_tasks)
    texts = [pair for task in tasks for pair in task.texts]
    used = sorted((*learn_from.tasks, *held_out.tasks), key=lambda task: task.task_id)
    return Gathered(fingerprint, config, pages, tuple(used), export.effort, measure_ocr(texts))

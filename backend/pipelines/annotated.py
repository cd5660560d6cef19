"""The pages of a project as people left them: exported, read, with the tag of each word."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from backend.document.label_set import OUTSIDE, LabelSet
from backend.document.page import Page
from backend.document.region import LabelledBox
from backend.errors import TaskError, TrainingRefused
from backend.label_studio.annotations import (
    LONG_AGO,
    accepted_unchanged,
    annotated_at,
    annotation_boxes,
    chosen_annotation,
)
from backend.label_studio.config import LabelingConfig
from backend.label_studio.tasks import task_pages
from backend.pipelines.progress import Progress
from backend.pipelines.reading import READERS, Fetch, ReadsPages
from backend.training.align import align

LOG = logging.getLogger(__name__)

LEAST_READABLE_SHARE = 0.8
"""Share of the annotated tasks whose images must be readable; with fewer something is wrong with the images."""


@dataclass(frozen=True, slots=True)
class AnnotatedTask:
    """A task as a person left it: its pages with the boxes drawn on each.

    Attributes:
        accepted: the person took a prediction over without any change.
        annotated_at: when the annotation was last changed.
    """

    task_id: int
    pages: tuple[Page, ...]
    boxes: tuple[tuple[LabelledBox, ...], ...]
    accepted: bool = False
    annotated_at: datetime = LONG_AGO

    def tags(self, label_set: LabelSet) -> list[list[int]]:
        """For each page (W,) the tags of its words."""
        return [align(page, boxes, label_set) for page, boxes in zip(self.pages, self.boxes, strict=True)]


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The annotated tasks of a run: those to learn from and those to judge on, which have none in common.

    Attributes:
        chosen: for `learn_from` and `held_out` how many pages are used and left out, by name; for the manifest.
    """

    label_set: LabelSet
    learn_from: Sequence[AnnotatedTask]
    held_out: Sequence[AnnotatedTask]
    chosen: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def tagged(self, tasks: Sequence[AnnotatedTask]) -> list[tuple[Page, list[int]]]:
        """Each page of some of its tasks with the tags of its words (W,)."""
        return [pair for task in tasks for pair in zip(task.pages, task.tags(self.label_set), strict=True)]


@dataclass(frozen=True, slots=True)
class AnnotationReader:
    """Reads annotated tasks; `pictures` also for visual models."""

    reader: ReadsPages
    fetch: Fetch
    config: LabelingConfig
    pictures: bool

    def read_tasks(self, exported: Iterable[dict[str, Any]], progress: Progress) -> list[AnnotatedTask]:
        """Every exported task that counts and whose pages can be read, in the order of their ids.

        Raises:
            TrainingRefused: `images_unavailable`.
            ServiceError: Label Studio or OCR is down.
        """
        chosen = list(_chosen(exported))
        found: list[AnnotatedTask] = []
        pool = ThreadPoolExecutor(READERS, thread_name_prefix="read")
        try:
            reading = [pool.submit(self._read_task, task, annotation) for task, annotation in chosen]
            for done, future in enumerate(reading, start=1):
                try:
                    found.append(future.result())
                except TaskError as error:
                    LOG.warning("annotated task not used", extra={"code": error.code, "cause": error.message})
                progress(stage="read", step=done, steps=len(reading))
        finally:
            pool.shutdown(cancel_futures=True)  # what ends the run for one page is not waited for on all the others
        if len(found) < LEAST_READABLE_SHARE * len(chosen):
            raise TrainingRefused(
                "images_unavailable",
                f"only {len(found)} of {len(chosen)} annotated pages could be read",
                "look in the log for the images' faults",
            )
        return sorted(found, key=lambda task: task.task_id)

    def _read_task(self, task: dict[str, Any], annotation: dict[str, Any]) -> AnnotatedTask:
        refs = task_pages(task, self.config)
        pages = tuple(self.reader.read(ref, self.fetch, picture=self.pictures) for ref in refs)
        boxes = annotation_boxes(annotation, self.config, {at: page.size for at, page in enumerate(pages)}).boxes
        return AnnotatedTask(
            task["id"],
            pages,
            tuple(tuple(boxes.get(at, ())) for at in range(len(pages))),
            accepted=accepted_unchanged(task, annotation),
            annotated_at=annotated_at(annotation),
        )


def _chosen(tasks: Iterable[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The tasks that count, each with the one annotation that counts."""
    for task in tasks:
        annotation = chosen_annotation(task)
        if annotation is not None:
            yield task, annotation


def check_enough(tasks: Sequence[AnnotatedTask], pages: TrainingSet, least: int) -> None:
    """Refuse a run that could not learn anything.

    Args:
        tasks: all annotated tasks, of which `pages` has those that are used.

    Raises:
        TrainingRefused: `not_enough_data`, saying how many pages are missing or that no word is labelled.
    """
    if len(tasks) < least:
        raise TrainingRefused(
            "not_enough_data",
            f"{len(tasks)} annotated pages, {least} are needed: annotate {least - len(tasks)} more",
            "or lower TRAIN_MIN_ANNOTATIONS",
        )
    if not any(boxes for task in pages.learn_from for boxes in task.boxes):
        raise TrainingRefused(
            "not_enough_data",
            f"none of the {len(tasks)} annotated pages has a box to learn from",
            "annotate pages that have something to label",
        )
    if not any(tag != OUTSIDE for _, tags in pages.tagged(pages.learn_from) for tag in tags):
        raise TrainingRefused(
            "not_enough_data",
            "no word that OCR read lies in an annotated box",
            "check OCR_LANGUAGES, and that the boxes lie on the text",
        )

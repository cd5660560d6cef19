"""The pages of a project as people left them: exported, read, with the tag of each word."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.document.region import LabelledBox
from backend.errors import ServiceError, TaskError, TrainingRefused
from backend.inference.snap import words_under
from backend.label_studio.annotations import LONG_AGO, WrittenText, annotation_boxes, written_texts
from backend.label_studio.config import LabelingConfig
from backend.label_studio.tasks import task_pages
from backend.pipelines.exported import Export, ExportedTask
from backend.pipelines.progress import Progress
from backend.pipelines.reading import READERS, Fetch, ReadsPages
from backend.reports.ocr_quality import TextPair
from backend.training.align import align, over_no_word

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AnnotatedTask:
    """A task as a person left it: its pages with the boxes drawn on each.

    Attributes:
        accepted: the person took a prediction over without any change.
        annotated_at: when the annotation was last changed.
        ignored: boxes of the annotation that could not be used, or not as they were drawn, by reason.
        texts: what people wrote beside their boxes, with what OCR read there.
    """

    task_id: int
    pages: tuple[Page, ...]
    boxes: tuple[tuple[LabelledBox, ...], ...]
    accepted: bool = False
    annotated_at: datetime = LONG_AGO
    ignored: Mapping[str, int] = field(default_factory=dict)
    texts: tuple[TextPair, ...] = ()

    def tags(self, label_set: LabelSet) -> list[list[int]]:
        """For each page (W,) the tags of its words."""
        return [align(page, boxes, label_set) for page, boxes in zip(self.pages, self.boxes, strict=True)]


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The annotated tasks of a run: those to learn from and those to judge on, which have none in common.

    Attributes:
        chosen: for `learn_from` and `held_out` how many pages are used and left out, by name, and under `left_out` what
            could not be used at all; for the manifest.
    """

    label_set: LabelSet
    learn_from: Sequence[AnnotatedTask]
    held_out: Sequence[AnnotatedTask]
    chosen: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def tagged(self, tasks: Sequence[AnnotatedTask]) -> list[tuple[Page, list[int]]]:
        """Each page of some of its tasks with the tags of its words (W,)."""
        return [pair for task in tasks for pair in zip(task.pages, task.tags(self.label_set), strict=True)]


@dataclass(frozen=True, slots=True)
class ReadTasks:
    """What could be read of an export.

    Attributes:
        tasks: in the order of their ids.
        left_out: what was not used, by reason: what the export left out, `unreadable` tasks, and boxes.
    """

    tasks: list[AnnotatedTask]
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AnnotationReader:
    """Reads annotated tasks.

    Attributes:
        pictures: the pages' pictures too, for visual models.
        least_readable: share of the tasks, 0 to 1, below which something is wrong with the images.
    """

    reader: ReadsPages
    fetch: Fetch
    config: LabelingConfig
    pictures: bool
    least_readable: float

    def read_tasks(self, export: Export, progress: Progress) -> ReadTasks:
        """Every exported task whose pages can be read.

        Raises:
            ServiceError: `images_unavailable`; or Label Studio or OCR is down.
        """
        left_out = Counter(export.left_out)
        found: list[AnnotatedTask] = []
        pool = ThreadPoolExecutor(READERS, thread_name_prefix="read")
        try:
            reading = [pool.submit(self._read_task, task) for task in export.tasks]
            for done, future in enumerate(reading, start=1):
                try:
                    found.append(future.result())
                    left_out.update(found[-1].ignored)
                except TaskError as error:
                    left_out["unreadable"] += 1
                    LOG.warning("annotated task not used", extra={"code": error.code, "cause": error.message})
                progress(stage="read", step=done, steps=len(reading))
        finally:
            pool.shutdown(cancel_futures=True)  # what ends the run for one page is not waited for on all the others
        if left_out:
            LOG.info("not everything that was annotated is used", extra={"left_out": dict(left_out)})
        if len(found) < self.least_readable * len(export.tasks):
            raise ServiceError(
                "images_unavailable",
                f"only {len(found)} of {len(export.tasks)} annotated pages could be read",
                "look in the log for the images' faults, or lower TRAIN_LEAST_READABLE",
            )
        return ReadTasks(sorted(found, key=lambda task: task.task_id), left_out)

    def _read_task(self, exported: ExportedTask) -> AnnotatedTask:
        task, annotation = exported.read()
        refs = task_pages(task, self.config)
        pages = tuple(self.reader.read(ref, self.fetch, picture=self.pictures) for ref in refs)
        sizes = {at: page.size for at, page in enumerate(pages)}
        drawn = annotation_boxes(annotation, self.config, sizes)
        no_word = sum(over_no_word(page, drawn.boxes.get(at, ())) for at, page in enumerate(pages))
        return AnnotatedTask(
            exported.task_id,
            pages,
            tuple(tuple(drawn.boxes.get(at, ())) for at in range(len(pages))),
            accepted=exported.accepted,
            annotated_at=exported.annotated_at,
            ignored=drawn.ignored + Counter(over_no_word=no_word),
            texts=tuple(_pair(pages[text.page], text) for text in written_texts(annotation, self.config, sizes)),
        )


def _pair(page: Page, written: WrittenText) -> TextPair:
    """What a person wrote beside a box and what OCR read in it."""
    read = " ".join(page.words[at].text for at in words_under(page, written.box.box))
    return TextPair(written.box.label, read, written.text)


def check_enough(tasks: Sequence[AnnotatedTask], pages: TrainingSet, least: int) -> None:
    """Refuse a run that could not learn anything.

    Args:
        tasks: all annotated tasks, of which `pages` has those that are used.

    Raises:
        TrainingRefused: `not_enough_data`, saying how many pages are missing, that no word is labelled, or that all
            words have the same label. A project of one label is enough where it has words without it.
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
    labels = {pages.label_set.name_of(tag) for _, tags in pages.tagged(pages.learn_from) for tag in tags}
    if labels <= {None}:
        raise TrainingRefused(
            "not_enough_data",
            "no word that OCR read lies in an annotated box",
            "check OCR_LANGUAGES, and that the boxes lie on the text",
        )
    if len(labels) == 1:
        raise TrainingRefused(
            "not_enough_data",
            f"every word of the annotated pages has the label {labels.pop()!r}: there is nothing to tell apart",
            "annotate pages that have words of another label, or of none",
        )

"""The annotated pages of a project to a folder that other programs read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from backend.document.geometry import union
from backend.document.label_set import LabelSet
from backend.document.page import Page, PageRef
from backend.document.region import LabelledBox
from backend.errors import RequestError, TaskError
from backend.exchange.funsd import FunsdWriter
from backend.exchange.hugging_face import HuggingFaceWriter
from backend.exchange.labelled_page import LabelledPage, Marked, Writer
from backend.label_studio.annotations import annotation_boxes
from backend.label_studio.config import LabelingConfig
from backend.label_studio.tasks import task_pages
from backend.pipelines.exported import Export, ExportedTask
from backend.pipelines.reading import Fetch
from backend.training.align import align
from backend.training.split import split

LOG = logging.getLogger(__name__)

WRITERS: dict[str, type[Writer]] = {"funsd": FunsdWriter, "hf": HuggingFaceWriter}

Tell = Callable[[int, int], None]
"""Told how many tasks are done, of how many."""


class ReadsFiles(Protocol):
    """Reads the words of an image file at hand; `pipelines.reading.PageReader` is one."""

    def read_bytes(self, data: bytes, *, picture: bool = False) -> Page: ...


@dataclass(frozen=True, slots=True)
class ExportScene:
    """What exporting needs besides the annotations.

    Attributes:
        decode: gives the upright image of a file.
        title: of the project.
    """

    project_id: int
    title: str
    config: LabelingConfig
    reader: ReadsFiles
    fetch: Fetch
    decode: Callable[[bytes], Image.Image]


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        without_words: boxes that hold no word, which these forms cannot say.
        unreadable: tasks that are missing because a page of them cannot be read.
    """

    learnt_pages: int
    held_out_pages: int
    without_words: int
    unreadable: int


def export_project(export: Export, scene: ExportScene, form: str, folder: Path, tell: Tell) -> Exported:
    """Write every annotated task.

    Args:
        form: `funsd` or `hf`.
        folder: is made; must be empty.

    Raises:
        RequestError: `folder_not_empty`, `folder_not_writable`, or `nothing_to_export`.
        ServiceError: Label Studio or OCR is down.
    """
    if not export.tasks:
        message = f"project {scene.project_id} has no annotated task"
        raise RequestError("nothing_to_export", message, "submit annotations first; skipped tasks do not count")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RequestError("folder_not_empty", f"{folder} is there already", "choose another --out, or empty it")
    try:
        return _written(export, scene, WRITERS[form](folder, scene.config.label_set, scene.title), tell)
    except OSError as error:
        raise RequestError("folder_not_writable", f"{folder} cannot be written: {error.strerror}") from error


def _written(export: Export, scene: ExportScene, writer: Writer, tell: Tell) -> Exported:
    _, held_out = split(scene.project_id, {task.task_id for task in export.tasks})
    learnt_pages = held_out_pages = without_words = unreadable = 0
    for done, task in enumerate(export.tasks, start=1):
        try:
            pages = list(_pages(task, scene, held_out=task.task_id in held_out))
        except TaskError as error:
            unreadable += 1
            LOG.warning("task not exported", extra={"task": task.task_id, "code": error.code, "cause": error.message})
            pages = []
        for page, boxes in pages:
            writer.add(page)
            without_words += boxes - len(page.marked)
            held_out_pages += page.held_out
            learnt_pages += not page.held_out
        tell(done, len(export.tasks))
    writer.finish()
    return Exported(learnt_pages, held_out_pages, without_words, unreadable)


def _pages(task: ExportedTask, scene: ExportScene, *, held_out: bool) -> Iterator[tuple[LabelledPage, int]]:
    """The pages of a task, each with the number of boxes that were drawn on it.

    Raises:
        TaskError: a page cannot be fetched or read.
    """
    content, annotation = task.read()
    refs = task_pages(content, scene.config)
    read = [_read(ref, scene) for ref in refs]
    drawn = annotation_boxes(annotation, scene.config, {at: page.size for at, (_, page) in enumerate(read)}).boxes
    for ref, (image, page) in zip(refs, read, strict=True):
        name = f"{task.task_id}-{ref.index + 1}" if len(refs) > 1 else str(task.task_id)
        boxes = drawn[ref.index]
        yield LabelledPage(name, task.task_id, ref.index, image, page, marked(page, boxes), held_out), len(boxes)


def _read(ref: PageRef, scene: ExportScene) -> tuple[Image.Image, Page]:
    data = scene.fetch(ref)
    return scene.decode(data), scene.reader.read_bytes(data)


def marked(page: Page, boxes: Sequence[LabelledBox]) -> list[Marked]:
    """The boxes that hold words, each with its words, in reading order of their first ones.

    A word belongs to the box to which training counts it.
    """
    numbered = LabelSet(tuple(str(number) for number in range(len(boxes))))  # a label of its own for each box
    tags = align(page, [replace(box, label=str(number)) for number, box in enumerate(boxes)], numbered)
    words: dict[int, list[int]] = {}
    for at, tag in enumerate(tags):
        name = numbered.name_of(tag)
        if name is not None:
            words.setdefault(int(name), []).append(at)
    return [_marked(page, boxes[number], inside) for number, inside in words.items()]


def _marked(page: Page, drawn: LabelledBox, words: Sequence[int]) -> Marked:
    """A turned box becomes the upright one around its words."""
    box = union(page.words[at].box for at in words) if drawn.rotation else drawn.box
    return Marked(drawn.label, box, tuple(words))


def export_told(exported: Exported, folder: Any) -> Iterator[str]:
    """What was written, for people."""
    yield (
        f"{exported.learnt_pages + exported.held_out_pages} pages in {folder}: {exported.learnt_pages} to learn from, "
        f"{exported.held_out_pages} to judge on, as this backend divides them"
    )
    if exported.without_words:
        yield f"{exported.without_words} boxes hold no word that was read, and are left out"
    if exported.unreadable:
        yield f"{exported.unreadable} tasks have an image that cannot be read, and are left out; the log says why"

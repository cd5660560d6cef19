"""Judged tasks in a few words, and drawn receipts read without OCR."""

from __future__ import annotations

from collections.abc import Sequence

from backend.document.geometry import Box
from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.document.region import LabelledBox, Region
from backend.model.tagger import PageTagger
from backend.ocr.segments import arrange
from backend.pipelines.annotated import AnnotatedTask, TrainingSet
from backend.pipelines.judging import judged_tasks
from backend.training.fit_crf import fit_crf
from backend.training.judged import JudgedTask
from tests.drawn import draw_receipt

PAGE = Page(1000, 1000, ())
RECEIPT_LABELS = ("company", "date", "address", "total")


def place(number: int) -> Box:
    """Places of a page that do not touch."""
    return Box(10, 10 + 50 * number, 200, 40 + 50 * number)


def drawn(label: str, number: int) -> LabelledBox:
    return LabelledBox(label, place(number))


def proposed(label: str, number: int, score: float = 0.9) -> Region:
    return Region(label, place(number), "", score)


def task(number: int, boxes: Sequence[LabelledBox], regions: Sequence[Region]) -> JudgedTask:
    """A task of one page."""
    return JudgedTask(number, (PAGE,), (tuple(boxes),), (tuple(regions),))


def receipts(count: int) -> list[AnnotatedTask]:
    """Drawn receipts with the words as drawn."""
    pages = [draw_receipt(seed) for seed in range(count)]
    return [
        AnnotatedTask(number, (Page(*page.size, arrange(page.words)),), (tuple(page.boxes),))
        for number, page in enumerate(pages, 1)
    ]


def refit(learnt: Sequence[AnnotatedTask], judged: Sequence[AnnotatedTask]) -> list[JudgedTask]:
    """Receipts with what the fast learner proposes for them after learning others."""
    label_set = LabelSet(RECEIPT_LABELS)
    tagged = TrainingSet(label_set, learnt, ()).tagged(learnt)
    return judged_tasks(PageTagger(fast=fit_crf(tagged, label_set)), judged)

"""Labelled pages for the tests of what is written of them."""

from __future__ import annotations

from PIL import Image

from backend.document.geometry import Box
from backend.document.label_set import LabelSet
from backend.document.page import Page, Word
from backend.exchange.labelled_page import LabelledPage, Marked

LABELS = LabelSet(("question", "answer: \"yes\" & 'no'"))
TEXTS = ("Name:", "Ada", "Lovelace", "page", "one")


def labelled_page(task_id: int, *, index: int = 0, held_out: bool = False) -> LabelledPage:
    """A page of 400 x 200 pixels: a question and an answer on the first line, two words without a label below."""
    boxes = [Box(40, 20, 100, 40), Box(120, 20, 160, 40), Box(170, 20, 250, 40)]
    boxes += [Box(40, 100, 80, 120), Box(90, 100, 120, 120.4)]
    segments = (0, 1, 1, 2, 2)
    words = tuple(Word(*each) for each in zip(TEXTS, boxes, [1.0] * 5, segments, strict=True))
    marked = [
        Marked("question", Box(38, 18, 102, 42), (0,)),
        Marked(LABELS.names[1], Box(118, 18, 420, 42), (1, 2)),
    ]
    image = Image.new("RGB", (400, 200), (255, task_id, index))
    name = f"{task_id}-{index + 1}"
    return LabelledPage(name, task_id, index, image, Page(400, 200, words), marked, held_out)

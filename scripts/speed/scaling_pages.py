"""Pages of as many words, and projects of as many labels, as a measurement asks for; made of words, so nothing is read.

A page is a form: cells of a question and its answer stand beside each other in columns. The question says which label
its answer has, as it does on real forms, so that there is something to learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from random import Random

from backend.document.geometry import Box, union
from backend.document.page import Page, Word
from backend.document.region import LabelledBox
from backend.ocr.segments import arrange
from backend.pipelines.annotated import AnnotatedTask

LETTER_WIDTH, WORD_HEIGHT, BLANK = 9, 18, 6
ROW_HEIGHT, CELL_WIDTH = 30, 430
MARGIN = 40
USUAL_WORDS = 250
"""Words of a page of two columns; a page of more is larger in both directions, as large sheets are."""
SYLLABLES = ("ar", "be", "cor", "den", "el", "fin", "gra", "hol", "in", "jo", "ka", "lim", "mor", "no", "ost", "per")


@dataclass(frozen=True, slots=True)
class WordPage:
    """A page as OCR gives its words, in no order, and the boxes that a person drew on it.

    Attributes:
        size: width and height in pixels.
    """

    size: tuple[int, int]
    words: Sequence[Word]
    boxes: Sequence[LabelledBox]

    def page(self) -> Page:
        """The page with its words in reading order."""
        return Page(*self.size, arrange(self.words))


def label_names(count: int) -> tuple[str, ...]:
    """As many labels as are asked for."""
    return tuple(f"label {number}" for number in range(count))


def labelling_config(labels: Sequence[str]) -> str:
    """The labeling configuration of a project with these labels."""
    tags = "".join(f'<Label value="{name}"/>' for name in labels)
    return (
        '<View><Image name="image" value="$image"/>'
        f'<RectangleLabels name="label" toName="image">{tags}</RectangleLabels></View>'
    )


def word_page(word_count: int, labels: Sequence[str], seed: int) -> WordPage:
    """A page of at least so many words; the same arguments give the same page."""
    random = Random(f"{word_count}/{len(labels)}/{seed}")
    columns = max(1, round(2 * sqrt(word_count / USUAL_WORDS)))
    words: list[Word] = []
    boxes: list[LabelledBox] = []
    cell = 0
    while len(words) < word_count:
        number = random.randrange(len(labels))
        left, top = MARGIN + cell % columns * CELL_WIDTH, MARGIN + cell // columns * ROW_HEIGHT
        question = _written(f"{_name(number)} {random.choice(SYLLABLES)}:", left, top)
        answer = _written(_answer(random), question[-1].box.right + 2 * WORD_HEIGHT, top)
        boxes.append(LabelledBox(labels[number], union(word.box for word in answer)))
        words += [*question, *answer]
        cell += 1
    random.shuffle(words)
    height = 2 * MARGIN + (cell // columns + 1) * ROW_HEIGHT
    return WordPage((2 * MARGIN + columns * CELL_WIDTH, height), words, boxes)


def annotated_tasks(page_count: int, word_count: int, labels: Sequence[str]) -> list[AnnotatedTask]:
    """Tasks of one page each."""
    drawn = (word_page(word_count, labels, seed) for seed in range(page_count))
    return [AnnotatedTask(number, (one.page(),), (tuple(one.boxes),)) for number, one in enumerate(drawn, start=1)]


def _name(number: int) -> str:
    """A word of its own for each number."""
    text = ""
    while True:
        number, at = divmod(number, len(SYLLABLES))
        text += SYLLABLES[at]
        if not number:
            return text.capitalize()


def _answer(random: Random) -> str:
    if random.random() < 0.4:
        return f"{random.randint(1, 9999)}.{random.randint(0, 99):02}"
    return " ".join("".join(random.choices(SYLLABLES, k=random.randint(1, 3))) for _ in range(random.randint(1, 3)))


def _written(text: str, left: float, top: float) -> list[Word]:
    words = []
    for part in text.split():
        right = left + LETTER_WIDTH * len(part)
        words.append(Word(part, Box(left, top, right, top + WORD_HEIGHT), 0.95))
        left = right + BLANK
    return words

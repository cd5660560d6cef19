"""Forms with the labels header, question and answer."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.drawn import vocabulary
from tests.drawn.canvas import LINE_SPACING, Canvas, DrawnPage, text_width

WIDTH, HEIGHT = 780, 1000
MARGIN = 60
COLUMN_GAP = 40
ANSWER_GAP = 1.6  # in font sizes, from a question to its answer

TITLES = (
    "Expense Report",
    "Application for Membership",
    "Purchase Request",
    "Travel Authorization",
    "Sample Order Form",
)
SECTIONS = ("Personal Details", "Delivery", "Payment", "Office Use Only", "Contact", "Approval")


def _lines(make: Callable[[Random], str]) -> Callable[[Random], list[str]]:
    return lambda random: [make(random)]


FIELDS: tuple[tuple[str, Callable[[Random], list[str]]], ...] = (
    ("Name:", _lines(vocabulary.person)),
    ("Date:", _lines(vocabulary.date)),
    ("Company:", _lines(vocabulary.company)),
    ("Address:", vocabulary.address),
    ("Telephone:", _lines(vocabulary.telephone)),
    ("Order number:", _lines(vocabulary.number)),
    ("Approved by:", _lines(vocabulary.person)),
    ("Ship to:", vocabulary.address),
    ("Amount due:", lambda random: [vocabulary.amount(random.randint(500, 250000))]),
    ("Department:", lambda random: [random.choice(vocabulary.TRADES)]),
    ("Date of birth:", _lines(vocabulary.date)),
    ("Invoice no:", _lines(vocabulary.number)),
)


def draw_form(seed: int) -> DrawnPage:
    """A form of 780 x 1000 pixels; the same seed gives the same page.

    Sections of question and answer stand in one or two columns, the answer beside or below its question; sentences
    without a label stand between them.
    """
    random = Random(f"form {seed}")
    canvas = Canvas(WIDTH, HEIGHT)
    size = random.choice((17, 18, 20))
    title_size = size + random.choice((8, 12))
    canvas.annotate("header", canvas.write_centered(random.choice(TITLES), MARGIN + title_size, title_size))
    baseline = MARGIN + title_size + 3.0 * size
    fields = list(FIELDS)
    random.shuffle(fields)
    for section in random.sample(SECTIONS, k=3):
        canvas.annotate("header", canvas.write(section, (MARGIN, baseline), size + 4))
        canvas.rule((MARGIN, baseline + size * 0.6), (WIDTH - MARGIN, baseline + size * 0.6))
        baseline = _section(canvas, random, [fields.pop() for _ in range(4)], baseline + 2.2 * size, size)
        if random.random() < 0.6:
            canvas.write(random.choice(vocabulary.SENTENCES), (MARGIN, baseline), size - 2)
            baseline += 2.2 * size
    return canvas.finish()


def _section(
    canvas: Canvas,
    random: Random,
    fields: list[tuple[str, Callable[[Random], list[str]]]],
    baseline: float,
    size: int,
) -> float:
    """The baseline below the section that was drawn from `baseline` on."""
    columns = random.choice((1, 2))
    column_width = (WIDTH - 2 * MARGIN - (columns - 1) * COLUMN_GAP) / columns
    filled = [(question, make_answer(random)) for question, make_answer in fields]
    widest = max(
        text_width(question, size) + ANSWER_GAP * size + text_width(max(answer, key=len), size)
        for question, answer in filled
    )
    below = columns == 2 and (widest > column_width or random.random() < 0.5)
    for first in range(0, len(filled), columns):
        row = filled[first : first + columns]
        for column, (question, answer) in enumerate(row):
            left = MARGIN + column * (column_width + COLUMN_GAP)
            asked = canvas.write(question, (left, baseline), size)
            beside = (asked[-1].box.right + ANSWER_GAP * size, baseline)
            answered = canvas.write_block(answer, (left, baseline + size * LINE_SPACING) if below else beside, size)
            canvas.annotate("question", asked)
            canvas.annotate("answer", answered)
        rows = max(len(answer) for _, answer in row) + below
        baseline += (rows * LINE_SPACING + 0.6) * size
    return baseline + 0.9 * size

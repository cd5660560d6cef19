"""Shop receipts with the labels company, date, address and total."""

from __future__ import annotations

from random import Random

from backend.document.page import Word
from tests.drawn import vocabulary
from tests.drawn.canvas import LINE_SPACING, Canvas, DrawnPage

WIDTH, HEIGHT = 560, 1000
MARGIN = 40


def draw_receipt(seed: int) -> DrawnPage:
    """A receipt of 560 x 1000 pixels; the same seed gives the same page.

    The head holds company and address, the date stands above or below the items, the total to the right of its word.
    """
    random = Random(f"receipt {seed}")
    canvas = Canvas(WIDTH, HEIGHT)
    size = random.choice((18, 20, 22))
    step = size * LINE_SPACING
    baseline = _head(canvas, random, size, MARGIN + 1.5 * size)
    date_first = random.random() < 0.6
    if date_first:
        baseline = _date(canvas, random, size, baseline + step)
    canvas.rule((MARGIN, baseline), (WIDTH - MARGIN, baseline))
    cents = 0
    for item in random.sample(vocabulary.ITEMS, k=random.randint(3, 8)):
        baseline += step
        price = random.randint(99, 9999)
        cents += price
        _amount_row(canvas, item, price, baseline, size)
    baseline += 0.6 * step
    canvas.rule((MARGIN, baseline), (WIDTH - MARGIN, baseline))
    baseline += step
    if random.random() < 0.5:
        _amount_row(canvas, "Subtotal", cents, baseline, size)
        baseline += step
    total = _amount_row(canvas, random.choice(("Total", "TOTAL", "Total due")), cents, baseline + step / 4, size + 3)
    canvas.annotate("total", total)
    paid = -(-cents // 1000) * 1000
    _amount_row(canvas, "Cash", paid, baseline + 1.5 * step, size)
    _amount_row(canvas, "Change", paid - cents, baseline + 2.5 * step, size)
    baseline += 3.5 * step
    if not date_first:
        baseline = _date(canvas, random, size, baseline + step / 2)
    canvas.write_centered("Thank you for your visit", baseline + step, size)
    return canvas.finish()


def _head(canvas: Canvas, random: Random, size: int, baseline: float) -> float:
    """The lowest edge of company, address and telephone."""
    step = size * LINE_SPACING
    canvas.annotate("company", canvas.write_centered(vocabulary.company(random), baseline, size + 6))
    lines = vocabulary.address(random)
    written = [canvas.write_centered(line, baseline + (row + 1) * step, size) for row, line in enumerate(lines)]
    canvas.annotate("address", [word for line in written for word in line])
    canvas.write_centered(f"Tel {vocabulary.telephone(random)}", baseline + (len(lines) + 1) * step, size)
    return baseline + (len(lines) + 2) * step


def _date(canvas: Canvas, random: Random, size: int, baseline: float) -> float:
    """The lowest edge of the row with date and receipt number."""
    caption = canvas.write(random.choice(("Date:", "Date", "Issued:")), (MARGIN, baseline), size)
    start = caption[-1].box.right + size
    canvas.annotate("date", canvas.write(vocabulary.date(random), (start, baseline), size))
    canvas.write_right(f"No {vocabulary.number(random)}", (WIDTH - MARGIN, baseline), size)
    return baseline + 0.7 * size


def _amount_row(canvas: Canvas, caption: str, cents: int, baseline: float, size: int) -> list[Word]:
    """The words of the amount; its caption stands to the left."""
    canvas.write(caption, (MARGIN, baseline), size)
    return canvas.write_right(vocabulary.amount(cents), (WIDTH - MARGIN, baseline), size)

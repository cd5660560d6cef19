"""How the cost grows with the work: words of a page, pages of a request, projects, labels, annotated pages.

Everything goes through the code that serves and learns, over pages made of words (`scaling_pages.py`), so that neither
OCR nor its engine plays a part. Each table has a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import log

from scripts.speed.figures import Figure, Options
from scripts.speed.processes import fresh_process
from scripts.speed.scaling_labels import by_labels
from scripts.speed.scaling_projects import by_projects
from scripts.speed.scaling_requests import by_request
from scripts.speed.scaling_training import by_training_set
from scripts.speed.scaling_words import by_words

PART = "scaling"
MOST_GROWTH = 1.5
"""How many times as long a page of the largest training set may take as one of the hundred."""

Row = tuple[str, float, str]
"""What was measured, the value, and its unit."""

QUICK: tuple[tuple[Callable[[int], list[Row]], tuple[int, ...]], ...] = (
    (by_words, (50, 200, 1000)),
    (by_request, (1, 10)),
    (by_projects, (1, 3)),
    (by_labels, (2, 10)),
    (by_training_set, (10, 100)),
)
WHOLE: tuple[tuple[Callable[[int], list[Row]], tuple[int, ...]], ...] = (
    (by_words, (50, 200, 1000, 2000, 5000)),
    (by_request, (1, 10, 100, 1000)),
    (by_projects, (1, 10, 50)),
    (by_labels, (2, 10, 50, 200, 500)),
    (by_training_set, (10, 100, 1000, 5000)),
)


def measure(options: Options) -> list[Figure]:
    """Every table, from the smallest size to the largest; the growth stands beside what grows with a page's words."""
    found: list[Figure] = []
    for table, sizes in QUICK if options.quick else WHOLE:
        rows: dict[int, list[Row]] = {}
        for size in sizes:
            with fresh_process() as process:
                rows[size] = process.submit(table, size).result()
            found += [Figure(PART, what, value, unit) for what, value, unit in rows[size]]
        if table is by_words:
            found += growth(rows)
        if table is by_training_set and len(sizes) > 2:
            found.append(_growth_of_training(rows, sizes))
    return found


def growth(rows: dict[int, list[Row]]) -> list[Figure]:
    """For each step the exponent with which its time grows from one size to the next: 1 is in proportion."""
    found = []
    sizes = sorted(rows)
    for smaller, larger in pairwise(sizes):
        for (before, took, unit), (_, takes, _) in zip(rows[smaller], rows[larger], strict=True):
            if unit == "s" and took > 0 and takes > 0:
                step = before.split(": ")[1]
                what = f"growth from {smaller} to {larger} words: {step}"
                found.append(Figure(PART, what, log(takes / took) / log(larger / smaller), ""))
    return found


def _growth_of_training(rows: dict[int, list[Row]], sizes: tuple[int, ...]) -> Figure:
    """Seconds a page of the largest set against those of a hundred pages."""

    def a_page(size: int) -> float:
        return sum(value for _, value, unit in rows[size] if unit == "ms a page")

    ratio = a_page(sizes[-1]) / a_page(100)
    what = f"time of a page among {sizes[-1]} annotated ones, against 100"
    return Figure(PART, what, ratio, "x", asked=f"{MOST_GROWTH} or less", met=ratio <= MOST_GROWTH)

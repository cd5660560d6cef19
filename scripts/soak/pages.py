"""Drawn pages, no two of one size: the size that a prediction names tells which page it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from PIL import Image

from scripts.bench.pages import BenchPage
from tests.drawn import DrawnPage, draw_form, draw_receipt
from tests.flows.conftest import drawn_results, png

KINDS = {"receipts": draw_receipt, "forms": draw_form}
"""What is drawn on the pages of a project, by the name of its labeling configuration."""
WIDTHS = 100
"""So many widths are used before pages grow longer."""
APART = 100_000
"""Other pages for another seed, up to so many."""


def pages(kind: str, seed: int) -> Iterator[BenchPage]:
    """Pages of a kind without end, each with its true annotation; the same ones for the same seed."""
    for number in count():
        drawn = _on_wider_paper(KINDS[kind](seed * APART + number), number)
        yield BenchPage(f"{kind}{number}.png", png(drawn.image), drawn.size, drawn_results(drawn))


def _on_wider_paper(page: DrawnPage, number: int) -> DrawnPage:
    """The page with a margin to the right and below that no other number has."""
    below, right = divmod(number, WIDTHS)
    width, height = page.size
    paper = Image.new("RGB", (width + right, height + below), "white")
    paper.paste(page.image)
    return replace(page, image=paper)

"""The layout of FUNSD (G. Jaume, H. K. Ekenel, J.-P. Thiran, 2019): a JSON file and an image for each page.

`training_data/` and `testing_data/` hold `annotations/*.json` and `images/*.png` each. Links between boxes are not
annotated here, so `linking` is empty.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from backend.document.geometry import Box, union
from backend.document.label_set import LabelSet
from backend.exchange.labelled_page import LabelledPage

TRAINING, TESTING = "training_data", "testing_data"
NO_LABEL = "other"

Json = dict[str, Any]


class FunsdWriter:
    """Writes pages as FUNSD has them."""

    def __init__(self, folder: Path, label_set: LabelSet, title: str) -> None:
        self.folder = folder

    def add(self, page: LabelledPage) -> None:
        part = self.folder / (TESTING if page.held_out else TRAINING)
        for kind in ("annotations", "images"):
            (part / kind).mkdir(parents=True, exist_ok=True)
        content = json.dumps({"form": page_form(page)}, ensure_ascii=False, indent=1)
        (part / "annotations" / f"{page.name}.json").write_text(content, encoding="utf-8")
        page.image.save(part / "images" / f"{page.name}.png")

    def finish(self) -> None:
        """Every page is written already."""


def page_form(page: LabelledPage) -> list[Json]:
    """The entities of a page: what is marked, and as `other` each piece of a line that is not."""
    found = [(marked.words, marked.label, marked.box) for marked in page.marked]
    found += [(words, NO_LABEL, union(page.page.words[at].box for at in words)) for words in _unmarked(page)]
    return [
        _entity(number, page, words, label, box)
        for number, (words, label, box) in enumerate(sorted(found, key=lambda entity: entity[0]))
    ]


def _unmarked(page: LabelledPage) -> Iterator[tuple[int, ...]]:
    """Runs of words of one line segment that no box holds."""
    taken = {word for marked in page.marked for word in marked.words}
    numbered = enumerate(page.page.words)
    for (is_taken, _), run in groupby(numbered, key=lambda item: (item[0] in taken, item[1].segment)):
        if not is_taken:
            yield tuple(at for at, _ in run)


def _entity(number: int, page: LabelledPage, words: Sequence[int], label: str, box: Box) -> Json:
    inside = [page.page.words[at] for at in words]
    return {
        "id": number,
        "label": label,
        "text": " ".join(word.text for word in inside),
        "box": _corners(box, page.page.size),
        "words": [{"text": word.text, "box": _corners(word.box, page.page.size)} for word in inside],
        "linking": [],
    }


def _corners(box: Box, size: tuple[int, int]) -> list[int]:
    """Left, top, right and bottom in whole pixels of the page."""
    on_page = box.clipped(*size)
    return [round(side) for side in (on_page.left, on_page.top, on_page.right, on_page.bottom)]

"""The pages of the bench: real receipts and forms where they are at hand, and drawn ones everywhere.

The real ones are SROIE receipts and FUNSD forms in a folder with `sroie`, `funsd/training_data`, `funsd/testing_data`
and `to_label_studio.py`, the converter that writes `annotated.json` and `label_config.xml`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeVar

from PIL import Image

from scripts.bench.pages import BenchPage, DataSet
from tests.drawn import DrawnPage, draw_form, draw_receipt
from tests.flows.conftest import drawn_results, label_config, png

CONVERTER = "to_label_studio.py"
RECEIPTS_JUDGED = 20
DRAWN_PAGES, DRAWN_JUDGED = 60, 20

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of pages.

    Attributes:
        checkpoints: numbers of annotated pages after which it is judged, unless others are asked for.
        orders: most orders it makes sense to go through.
        data_set: the pages in an order, 0 being the first; the same order and seed give the same pages.
    """

    name: str
    checkpoints: tuple[int, ...]
    orders: int
    data_set: Callable[[int, int], DataSet]


def real_sources(folder: Path) -> list[Source]:
    """Receipts and forms as far as the folder has them."""
    found = []
    if (folder / CONVERTER).is_file() and (folder / "sroie").is_dir():
        found.append(Source("receipts", (5, 10, 20, 40), 100, lambda order, seed: _receipts(folder, order, seed)))
    if (folder / CONVERTER).is_file() and (folder / "funsd").is_dir():
        found.append(Source("forms", (25, 149), 1, lambda order, seed: _forms(folder)))
    return found


def drawn_sources() -> list[Source]:
    """Drawn pages, which need no data."""
    return [
        Source("drawn receipts", (5, 10), 1, lambda order, seed: _drawn("receipts", draw_receipt, order, seed)),
        Source("drawn forms", (5, 10), 1, lambda order, seed: _drawn("forms", draw_form, order, seed)),
    ]


def _receipts(folder: Path, order: int, seed: int) -> DataSet:
    """Another random split in each order."""
    config, pages = _converted(folder, "sroie", "img")
    pages = shuffled(pages, order, seed)
    return DataSet("receipts", config, pages[:-RECEIPTS_JUDGED], pages[-RECEIPTS_JUDGED:])


def _forms(folder: Path) -> DataSet:
    """The forms as given: FUNSD has test forms of its own."""
    config, learn = _converted(folder, "funsd/training_data", "images")
    _, judge = _converted(folder, "funsd/testing_data", "images")
    return DataSet("forms", config, learn, judge)


def _drawn(name: str, draw: Callable[[int], DrawnPage], order: int, seed: int) -> DataSet:
    pages = []
    for number in shuffled(range(DRAWN_PAGES), order, seed):
        page = draw(number)
        pages.append(BenchPage(f"{name}{number:03}.png", png(page.image), page.size, drawn_results(page)))
    return DataSet(f"drawn {name}", label_config(name), pages[:-DRAWN_JUDGED], pages[-DRAWN_JUDGED:])


def shuffled(items: Sequence[Item], order: int, seed: int) -> list[Item]:
    """The items in a random order; the same numbers give the same one."""
    found = list(items)
    Random(f"{seed}/{order}").shuffle(found)
    return found


def _converted(folder: Path, part: str, images: str) -> tuple[str, list[BenchPage]]:
    """The labeling configuration of a part of the folder, and its pages in the order of their names."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, str(folder / CONVERTER), str(folder / part), "--out", out, "--image-prefix", ""]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        config = Path(out, "label_config.xml").read_text(encoding="utf-8")
        tasks = json.loads(Path(out, "annotated.json").read_text(encoding="utf-8"))
    found = []
    for task in tasks:
        path = folder / part / images / task["data"]["image"]
        with Image.open(path) as image:
            size = image.size
        found.append(BenchPage(path.name, path.read_bytes(), size, task["annotations"][0]["result"]))
    return config, found

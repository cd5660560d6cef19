"""How much of real pages OCR reads, and at what cost: the table of docs/OCR.md.

    python -m scripts.measure_ocr DATA_FOLDER [--pages 15]

The folder holds `funsd/testing_data` (FUNSD's own layout) and `sroie` (`img/*.jpg`, `box/*.csv`). A person's word
counts as read when an OCR word with exactly the same text touches it, and as found when an OCR word shares at least
half of the smaller one's area. The cost is processor time, so that other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import json
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytesseract
from PIL import Image

from backend.document.geometry import Box
from backend.document.page import Word
from backend.ocr.rapid import RapidEngine
from backend.ocr.tesseract import TesseractEngine

MODES = (3, 4, 6, 11)
FACTORS = (1, 2)
FOUND_SHARE = 0.5

Read = Callable[[Image.Image], list[Word]]


@dataclass(frozen=True, slots=True)
class TruePage:
    """A page and the words that people read on it."""

    image: Path
    words: list[Word]


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over pages; `cost_s` is processor time in seconds."""

    pages: int = 0
    words: int = 0
    read: int = 0
    found: int = 0
    cost_s: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description="Word recall and cost of OCR on real pages.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=15, help="most pages of each kind")
    arguments = parser.parse_args()
    sets = {"forms": funsd_pages(arguments.folder), "receipts": sroie_pages(arguments.folder)}
    readers: dict[str, Read] = {
        f"psm {mode}, {factor} x": plain_reader(mode, factor) for factor in FACTORS for mode in MODES
    }
    readers["`auto`"] = TesseractEngine().read
    readers["RapidOCR"] = RapidEngine().read
    print("| pages | reading | s/page | exact words | some text on the word |")
    print("|---|---|---|---|---|")
    for kind, pages in sets.items():
        chosen = pages[:: max(1, len(pages) // arguments.pages)][: arguments.pages]
        for name, read in readers.items():
            tally = measure(chosen, read)
            cost, exact, found = tally.cost_s / tally.pages, tally.read / tally.words, tally.found / tally.words
            print(f"| {tally.pages} {kind} | {name} | {cost:.2f} | {exact:.3f} | {found:.3f} |", flush=True)


def plain_reader(mode: int, factor: int) -> Read:
    """Tesseract as it comes, on the page enlarged by a fixed factor."""

    def read(image: Image.Image) -> list[Word]:
        scan = image.resize((image.width * factor, image.height * factor), Image.Resampling.BICUBIC)
        table = pytesseract.image_to_data(scan, config=f"--psm {mode}", output_type=pytesseract.Output.DICT)
        columns = (table[name] for name in ("text", "left", "top", "width", "height"))
        return [
            Word(text, Box(left, top, left + width, top + height).scaled(1 / factor, 1 / factor), 1.0)
            for text, left, top, width, height in zip(*columns, strict=True)
            if text.strip()
        ]

    return read


def measure(pages: list[TruePage], read: Read) -> Tally:
    """What a reader makes of the pages."""
    tally = Tally()
    for page in pages:
        with Image.open(page.image) as file:
            image = file.convert("RGB")
        before = _processor_s()
        words = read(image)
        tally = replace(
            tally,
            pages=tally.pages + 1,
            words=tally.words + len(page.words),
            read=tally.read + sum(_is_read(true, words) for true in page.words),
            found=tally.found + sum(_is_found(true, words) for true in page.words),
            cost_s=tally.cost_s + _processor_s() - before,
        )
    return tally


def funsd_pages(folder: Path) -> list[TruePage]:
    """The test forms of FUNSD."""
    pages = []
    for path in sorted((folder / "funsd/testing_data/annotations").glob("*.json")):
        form = json.loads(path.read_text(encoding="utf-8"))["form"]
        words = [
            Word(word["text"], Box(*word["box"]), 1.0)
            for entity in form
            for word in entity["words"]
            if word["text"].strip()
        ]
        pages.append(TruePage(path.parents[1] / "images" / f"{path.stem}.png", words))
    return pages


def sroie_pages(folder: Path) -> list[TruePage]:
    """The receipts of SROIE; their lines are split at blanks, each word with its share of the line's width."""
    pages = []
    for path in sorted((folder / "sroie/box").glob("*.csv")):
        rows = (row.split(",", 8) for row in path.read_text(encoding="utf-8", errors="replace").splitlines())
        words = [word for row in rows if len(row) == 9 for word in _line_words(row)]
        pages.append(TruePage(path.parents[1] / "img" / f"{path.stem}.jpg", words))
    return pages


def _line_words(row: list[str]) -> Iterator[Word]:
    corners, text = [int(cell) for cell in row[:8]], row[8].strip()
    left, right, top, bottom = min(corners[::2]), max(corners[::2]), min(corners[1::2]), max(corners[1::2])
    width = (right - left) / max(1, len(text))
    start = 0
    for part in text.split(" "):
        if part:
            yield Word(part, Box(left + start * width, top, left + (start + len(part)) * width, bottom), 1.0)
        start += len(part) + 1


def _is_read(true: Word, words: list[Word]) -> bool:
    return any(word.text == true.text and word.box.intersection(true.box).area > 0 for word in words)


def _is_found(true: Word, words: list[Word]) -> bool:
    return any(
        word.box.intersection(true.box).area >= FOUND_SHARE * min(word.box.area, true.box.area) > 0 for word in words
    )


def _processor_s() -> float:
    """Processor time of this process and its ended children, in seconds."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main()

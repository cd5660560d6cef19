"""What each way from word labels to boxes is worth on real pages: the table of docs/TRAINING.md.

    python -m scripts.compare_decoding DATA_FOLDER --ocr OCR_FOLDER [--data receipts] [--orders 3]

The folder holds `sroie`, `funsd` and their converter, as for the bench. The fast learner is fitted to some of the
pages; each way decodes the same probabilities for the others, and the true labels of their words ("perfect"), which
shows what the way itself costs. OCR_FOLDER keeps the words that OCR read from one call to the next.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.document.region import LabelledBox, Region
from backend.inference import regions as joining
from backend.inference.regions import decode_regions
from backend.label_studio.config import parse_labeling_config
from backend.ocr.auto import make_engine
from backend.ocr.cache import OcrCache
from backend.pipelines.reading import PageReader
from backend.training.align import align
from backend.training.fit_crf import fit_crf
from backend.training.habits import with_habits
from backend.training.scores import score_pages
from scripts.bench.data_sets import real_sources
from scripts.bench.pages import DataSet

Probabilities = NDArray[np.float32]
Decode = Callable[[Page, Probabilities, LabelSet], list[Region]]
Annotated = tuple[Page, list[LabelledBox]]

SMALLEST = 1e-6
NO_JOINING = -1.0
PERFECT = "perfect"


def ways() -> dict[str, Decode]:
    """The ways that are compared, the one that serves first."""
    return {
        "served": decode_regions,
        "without labels drawn once": plain,
        "- pieces of rows not joined": with_gaps(NO_JOINING, NO_JOINING),
        "- lines joined over half the gap": with_gaps(0.6, joining.LARGEST_WORD_GAP),
        "- lines joined over twice the gap": with_gaps(2.4, joining.LARGEST_WORD_GAP),
        "- cells joined over 3 heights": with_gaps(joining.LARGEST_LINE_GAP, 3.0),
        "- cells joined over 15 heights": with_gaps(joining.LARGEST_LINE_GAP, 15.0),
        "- IO with geometry": inside_outside,
        "- one label for a segment": by_segment(1.0),
        "- half word, half segment": by_segment(0.5),
    }


def plain(page: Page, probabilities: Probabilities, label_set: LabelSet) -> list[Region]:
    """Viterbi and joining alone."""
    return decode_regions(page, probabilities, LabelSet(label_set.names))


def with_gaps(lines: float, words: float) -> Decode:
    """Other blank spaces over which pieces are joined, in heights of a line."""

    def decode(page: Page, probabilities: Probabilities, label_set: LabelSet) -> list[Region]:
        with _constants(lines, words):
            return plain(page, probabilities, label_set)

    return decode


@contextmanager
def _constants(lines: float, words: float) -> Iterator[None]:
    before = joining.LARGEST_LINE_GAP, joining.LARGEST_WORD_GAP
    joining.LARGEST_LINE_GAP, joining.LARGEST_WORD_GAP = lines, words
    try:
        yield
    finally:
        joining.LARGEST_LINE_GAP, joining.LARGEST_WORD_GAP = before


def inside_outside(page: Page, probabilities: Probabilities, label_set: LabelSet) -> list[Region]:
    """No word begins a region: whatever is near and has the same label is one."""
    merged = probabilities.copy()
    merged[:, 2::2] += merged[:, 1::2]
    merged[:, 1::2] = 0
    return plain(page, merged, label_set)


def by_segment(share: float) -> Decode:
    """The words of its segment decide on a word; `share` is the weight of their mean log-probability."""

    def decode(page: Page, probabilities: Probabilities, label_set: LabelSet) -> list[Region]:
        if not page.words:
            return []
        labels = np.column_stack([probabilities[:, :1], probabilities[:, 1::2] + probabilities[:, 2::2]])
        logs = np.log(labels + SMALLEST)  # (W, 1 + labels)
        numbers = np.array([word.segment for word in page.words])
        for number in np.unique(numbers):
            members = numbers == number
            logs[members] = (1 - share) * logs[members] + share * logs[members].mean(axis=0)
        mixed = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
        begins = probabilities[:, 1::2] / np.maximum(labels[:, 1:], SMALLEST)
        found = np.empty_like(probabilities)
        found[:, 0], found[:, 1::2], found[:, 2::2] = mixed[:, 0], mixed[:, 1:] * begins, mixed[:, 1:] * (1 - begins)
        return plain(page, found, label_set)

    return decode


def compare(learn: Sequence[Annotated], judge: Sequence[Annotated], names: LabelSet) -> dict[str, tuple[float, float]]:
    """For each way the region F1 with the labels of the fast learner, and with the true ones."""
    label_set = with_habits(names, [boxes for _, boxes in learn])
    fast = fit_crf([(page, align(page, boxes, label_set)) for page, boxes in learn], label_set)
    learnt = fast.probabilities([page for page, _ in judge])
    true = [np.eye(label_set.tag_count, dtype=np.float32)[align(page, boxes, label_set)] for page, boxes in judge]

    def f1(decode: Decode, found: Sequence[Probabilities]) -> float:
        pages = ((decode(page, one, label_set), boxes) for (page, boxes), one in zip(judge, found, strict=True))
        return score_pages(pages).micro.f1

    return {way: (f1(decode, learnt), f1(decode, true)) for way, decode in ways().items()}


def _read(data: DataSet, reader: PageReader) -> tuple[list[Annotated], list[Annotated], LabelSet]:
    config = parse_labeling_config(data.label_config)
    learn, judge = (
        [(reader.read_bytes(page.image), page.boxes(config)) for page in pages] for pages in (data.learn, data.judge)
    )
    return learn, judge, config.label_set


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ocr", type=Path, required=True, help="folder for the words that OCR read")
    parser.add_argument("--data", choices=("receipts", "forms"), action="append", help="both unless given")
    parser.add_argument("--orders", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    engine = make_engine("auto", languages="eng", page_segmentation="auto", timeout_s=120)
    reader = PageReader(engine, OcrCache(options.ocr), 100_000_000)
    for source in real_sources(options.folder):
        if options.data and source.name not in options.data:
            continue
        found: dict[str, dict[str, list[float]]] = {way: {} for way in ways()}
        for order in range(min(options.orders, source.orders)):
            learn, judge, label_set = _read(source.data_set(order, options.seed), reader)
            for count in source.checkpoints:
                for way, (learnt, true) in compare(learn[:count], judge, label_set).items():
                    found[way].setdefault(str(count), []).append(learnt)
                    found[way].setdefault(PERFECT, []).append(true)
                print(f"{source.name}, order {order}: {count} pages", file=sys.stderr, flush=True)
        columns = [*map(str, source.checkpoints), PERFECT]
        print(f"\n| {source.name} | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
        for way, figures in found.items():
            print(f"| {way} | {' | '.join(f'{fmean(figures[column]):.3f}' for column in columns)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())

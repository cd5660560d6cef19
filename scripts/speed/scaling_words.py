"""What a page of many words costs, step by step."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from backend.document.label_set import LabelSet
from backend.inference.regions import decode_regions
from backend.label_studio.config import parse_labeling_config
from backend.label_studio.results import regions_to_results
from backend.model.classifier import WordClassifier
from backend.model.folders import load_base
from backend.training.align import align
from backend.training.fit_crf import fit_crf
from backend.training.scores import score_page
from scripts.speed.models import CPU, STARTER, base_folder
from scripts.speed.scaling_pages import annotated_tasks, label_names, labelling_config, word_page

LABELS = LabelSet(label_names(5))
LEARNT, LEARNT_WORDS = 20, 200
REPEATS = 3

Found = TypeVar("Found")


def by_words(count: int) -> list[tuple[str, float, str]]:
    """The best of a few seconds for each step of a page of `count` words.

    Raises:
        ValueError: a word got no prediction.
    """
    rows: list[tuple[str, float, str]] = []

    def timed(step: str, work: Callable[[], Found]) -> Found:
        seconds = []
        for _ in range(REPEATS):
            started = time.perf_counter()
            found = work()
            seconds.append(time.perf_counter() - started)
        rows.append((f"{count} words: {step}", min(seconds), "s"))
        return found

    tasks = annotated_tasks(LEARNT, LEARNT_WORDS, LABELS.names)
    fast = fit_crf([(task.pages[0], task.tags(LABELS)[0]) for task in tasks], LABELS)
    config = parse_labeling_config(labelling_config(LABELS.names))
    drawn = word_page(count, LABELS.names, LEARNT)
    with tempfile.TemporaryDirectory() as folder:
        model, encoder = load_base(base_folder(Path(folder), STARTER, 0), LABELS)
        deep = WordClassifier(model, encoder, LABELS, CPU)
        page = timed("reading order", drawn.page)
        timed("windows", lambda: encoder.encode(page))
        probabilities = timed("fast learner", lambda: fast.probabilities([page])[0])
        of_deep = timed("starter", lambda: deep.probabilities([page])[0])
        if not all((one.sum(axis=1) > 0).all() and len(one) == len(page.words) for one in (probabilities, of_deep)):
            raise ValueError("a word got no prediction")
        regions = timed("regions", lambda: decode_regions(page, probabilities, LABELS))
        timed(
            "results as JSON",
            lambda: json.dumps(regions_to_results(regions, page_size=page.size, config=config, item_index=0)),
        )
        timed("tags of its boxes", lambda: align(page, drawn.boxes, LABELS))
        timed("scores", lambda: score_page(regions, drawn.boxes))
    return rows

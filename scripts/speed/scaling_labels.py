"""What many labels cost."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from backend.document.label_set import LabelSet
from backend.inference.regions import decode_regions
from backend.label_studio.config import parse_labeling_config
from backend.model.folders import load_base
from backend.pipelines.annotated import TrainingSet
from backend.pipelines.choosing import choose_for_field
from backend.training.fit_crf import fit_crf
from backend.training.scores import score_page
from scripts.speed.models import STARTER, base_folder
from scripts.speed.scaling_pages import annotated_tasks, label_names, labelling_config

LEARNT, WORDS = 40, 200

Found = TypeVar("Found")


def by_labels(count: int) -> list[tuple[str, float, str]]:
    """Processor times with `count` labels, which all stand on the learnt pages, and F1 of the fast learner."""
    rows: list[tuple[str, float, str]] = []

    def timed(step: str, work: Callable[[], Found]) -> Found:
        started = time.process_time()
        found = work()
        rows.append((f"{count} labels: {step}", time.process_time() - started, "s"))
        return found

    names = label_names(count)
    config = timed("configuration read", lambda: parse_labeling_config(labelling_config(names)))
    label_set = LabelSet(config.label_set.names)
    *learnt, fresh = annotated_tasks(LEARNT + 1, WORDS, names)
    pages = TrainingSet(label_set, learnt, ())
    examples = timed("pages chosen and tagged", lambda: pages.tagged(choose_for_field(learnt)))
    rows.append((f"{count} labels: pages that the fast learner learns", len(examples), "pages"))
    fast = timed("fast learner fitted", lambda: fit_crf(examples, label_set))
    page = fresh.pages[0]
    probabilities = timed("fast learner, a page", lambda: fast.probabilities([page])[0])
    regions = timed("regions, a page", lambda: decode_regions(page, probabilities, label_set))
    rows.append((f"{count} labels: F1 of the fast learner", score_page(regions, fresh.boxes[0]).micro.f1, ""))
    with tempfile.TemporaryDirectory() as folder:
        model, _ = load_base(base_folder(Path(folder), STARTER, 0), label_set)
    head = sum(weights.nbytes for name, weights in model.named_parameters() if "classifier" in name)
    rows.append((f"{count} labels: head of the starter", head / 1e6, "MB"))
    return rows

"""What many annotated pages cost a run, stage by stage, in time and memory."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from backend.model.base_models import choose_base_model
from backend.model.folders import load_base
from backend.model.tagger import PageTagger
from backend.pipelines.fast_step import fit_fast
from backend.pipelines.gate import judge
from backend.pipelines.gathering import TrainScene, gather
from backend.pipelines.reading import RememberedPages
from backend.training.examples import page_examples
from scripts.speed.scaling_memory import Peak
from scripts.speed.scaling_pages import label_names
from scripts.speed.scaling_project import WordProject, make_project
from tests.pipelines.scenes import train_scene
from tests.tiny_model import save_tiny_base

LABELS = label_names(5)
WORDS = 200

Found = TypeVar("Found")


def by_training_set(count: int) -> list[tuple[str, float, str]]:
    """Processor time of each page and peak of memory for each stage of a run over `count` annotated pages."""
    rows: list[tuple[str, float, str]] = []

    def timed(stage: str, work: Callable[[], Found]) -> Found:
        started = time.process_time()
        with Peak() as peak:
            found = work()
        seconds = time.process_time() - started
        rows.append((f"{count} annotated pages: {stage}", 1000 * seconds / count, "ms a page"))
        rows.append((f"{count} annotated pages: memory, {stage}", peak.megabytes, "MB"))
        return found

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = make_project(folder, LABELS, count, WORDS)
        scene = _scene(project, folder)
        gathered = timed("exported and read", lambda: gather(project, scene, pictures=False))
        judged, _ = timed("fast learner fitted, twice if need be", lambda: fit_fast(gathered.pages))
        timed("judged", lambda: judge(PageTagger(fast=judged), None, gathered.pages, ()))
        _, encoder = load_base(save_tiny_base(folder / "tiny"), gathered.pages.label_set)
        timed(
            "windows for the deep learner",
            lambda: [
                one
                for page, tags in gathered.pages.tagged(gathered.pages.learn_from)
                for one in page_examples(page, tags, encoder)
            ],
        )
    return rows


def _scene(project: WordProject, folder: Path) -> TrainScene:
    base = choose_base_model("starter", has_gpu=False)
    return train_scene(project, folder, RememberedPages(project.reader), base)

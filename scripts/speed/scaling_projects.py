"""What it costs that a process serves many projects in turn."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import torch

from backend.document.label_set import LabelSet
from backend.model.classifier import WordClassifier
from backend.model.folders import load_base
from backend.model.live import LiveModels
from backend.training.fit_crf import fit_crf
from scripts.speed.models import CPU, STARTER, base_folder, save_version
from scripts.speed.scaling_memory import Peak
from scripts.speed.scaling_pages import annotated_tasks, label_names

LABELS = LabelSet(label_names(5))
LEARNT, WORDS = 5, 200
ROUNDS = 2
FITTING = 5
"""Projects whose versions fit the budget at a time."""


def by_projects(count: int) -> list[tuple[str, float, str]]:
    """Time of an answer and peak of memory when `count` projects with a starter each are asked in turn."""
    tasks = annotated_tasks(LEARNT, WORDS, LABELS.names)
    fast = fit_crf([(task.pages[0], task.tags(LABELS)[0]) for task in tasks], LABELS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for project in range(1, count + 1):
            torch.manual_seed(project)
            model, encoder = load_base(base_folder(folder, STARTER, 0), LABELS)
            save_version(folder, project, fast, WordClassifier(model, encoder, LABELS, CPU))
        weights = sum(parameter.nbytes for parameter in model.parameters())
        del model, encoder
        live = LiveModels(folder, CPU, FITTING * weights)
        with Peak() as peak:
            started = time.perf_counter()
            for _ in range(ROUNDS):
                for project in range(1, count + 1):
                    version = live.get(project)
                    assert version is not None
                    version.tagger.probabilities(tasks[0].pages)
                    del version
            seconds = time.perf_counter() - started
    return [
        (f"{count} projects in turn, room for {FITTING}: an answer", seconds / ROUNDS / count, "s"),
        (f"{count} projects in turn, room for {FITTING}: memory", peak.megabytes, "MB"),
    ]

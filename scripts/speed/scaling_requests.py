"""What a request of many pages costs whose words are known."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from backend.document.label_set import LabelSet
from backend.label_studio.config import parse_labeling_config
from backend.model.classifier import WordClassifier
from backend.model.folders import load_base
from backend.model.live import LiveModels
from backend.pipelines.predict import Scene, predict_tasks
from backend.training.fit_crf import fit_crf
from scripts.speed.models import CPU, save_version
from scripts.speed.scaling_memory import Peak
from scripts.speed.scaling_pages import annotated_tasks, label_names, labelling_config
from scripts.speed.scaling_project import make_project
from tests.tiny_model import save_tiny_base

LABELS = LabelSet(label_names(5))
LEARNT, WORDS = 20, 200


def by_request(count: int) -> list[tuple[str, float, str]]:
    """Time of each page and peak of memory of a request of `count` pages, with a deep learner of next to no size.

    Raises:
        ValueError: a page got no prediction.
    """
    config = parse_labeling_config(labelling_config(LABELS.names))
    tasks = annotated_tasks(LEARNT, WORDS, LABELS.names)
    fast = fit_crf([(task.pages[0], task.tags(LABELS)[0]) for task in tasks], LABELS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = make_project(folder, LABELS.names, count, WORDS)
        base = load_base(save_tiny_base(folder / "tiny"), LABELS)
        save_version(folder, 1, fast, WordClassifier(*base, LABELS, CPU))
        version = LiveModels(folder, CPU, 10**9).get(1)
        scene = Scene(config, project.reader, project.fetch, version, None, time.monotonic() + 3600)
        predict_tasks([project.task(1)], scene)
        with Peak() as peak:
            started = time.perf_counter()
            answer = predict_tasks([project.task(number) for number in range(1, count + 1)], scene)
            seconds = time.perf_counter() - started
    if answer.errors or len(json.dumps(answer.results)) < count:
        raise ValueError(f"{len(answer.errors)} pages got no prediction")
    return [
        (f"request of {count} pages: each", 1000 * seconds / count, "ms"),
        (f"request of {count} pages: memory", peak.megabytes, "MB"),
    ]

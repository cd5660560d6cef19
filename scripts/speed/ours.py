"""Our way: the prediction side of the web process and the training side of a run, called as these call them."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from backend import timing
from backend.document.page import PageRef
from backend.encoding.spec import GRID
from backend.encoding.tokens import Window
from backend.ml_backend import Predictor, load_predictor
from backend.model.folders import load_base
from backend.settings import load_settings
from backend.training.examples import Example
from backend.training.fit import fit
from backend.training.plan import TrainPlan
from backend.workshop import Workshop
from scripts.speed.models import LABELS
from scripts.speed.pages import HOST
from tests.flows.conftest import label_config

TESSERACT, AUTO = "tesseract", "auto"
LONGEST_S = 600.0
FULL_WINDOW = 512


@dataclass(frozen=True, slots=True)
class Request:
    """What one request took, in seconds.

    Attributes:
        steps: by step of `backend.timing`, added up over the pages, and `json`. Steps overlap in a request of several.
    """

    seconds: float
    steps: Mapping[str, float]


class _Steps:
    """Adds up what `backend.timing` tells."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.asked: list[bool] = []
        self._lock = Lock()

    def step_took(self, step: str, seconds: float) -> None:
        with self._lock:
            self.seconds[step] += seconds

    def cache_asked(self, found: bool) -> None:
        with self._lock:
            self.asked.append(found)


def request(data_dir: Path, engine: str, project: int, tasks: Sequence[Mapping[str, Any]], *, cold: bool) -> Request:
    """One request for these tasks; with `cold`, none of their pages was ever read.

    Raises:
        ValueError: a task was not predicted, or OCR was not in the cache, or was, as it should not have been.
    """
    predictor = _predictor(data_dir, engine)
    if cold:
        shutil.rmtree(data_dir / "ocr", ignore_errors=True)
    steps = _Steps()
    timing.listen(steps)
    started = time.perf_counter()
    answer = predictor.answer(
        project, [dict(task) for task in tasks], label_config("forms"), None, deadline=time.monotonic() + LONGEST_S
    )
    with timing.step("json"):
        json.dumps({"results": answer.results, "errors": answer.errors})
    seconds = time.perf_counter() - started
    if answer.errors or steps.asked.count(cold):
        raise ValueError(f"not what was to be measured: {answer.errors[:1]}, cold {cold}, {steps.asked}")
    return Request(seconds, dict(steps.seconds))


def encode(data_dir: Path, engine: str, project: int, task: Mapping[str, Any]) -> float:
    """Seconds to make a page's words, which OCR has read, the input of the deep learner; part of the step `model`."""
    workshop = _predictor(data_dir, engine).workshop
    page = workshop.reader.read(_page_of(task), workshop.connection(project).fetch, picture=True)
    version = workshop.models.get(project)
    assert version is not None
    assert version.tagger.deep is not None
    started = time.perf_counter()
    version.tagger.deep.encoder.encode(page)
    return time.perf_counter() - started


def core_seconds(data_dir: Path, engine: str, project: int, task: Mapping[str, Any]) -> tuple[float, float]:
    """Processor seconds, those of child processes too, to read a page that was never read, and to tag its words.

    They are what the work costs where this process is bound to one core and does nothing else.
    """
    shutil.rmtree(data_dir / "ocr", ignore_errors=True)
    workshop = _predictor(data_dir, engine).workshop
    version = workshop.models.get(project)
    assert version is not None
    fetch = workshop.connection(project).fetch
    begun = _processor_s()
    page = workshop.reader.read(_page_of(task), fetch, picture=version.tagger.visual)
    read = _processor_s()
    version.tagger.probabilities([page])
    return read - begun, _processor_s() - read


def train(folder: Path, steps: int, batch_size: int, device: str) -> list[float]:
    """Seconds of each optimizer step but the first, on full windows, by the base model in a folder."""
    with tempfile.TemporaryDirectory() as aside:
        workshop = Workshop(load_settings({"DATA_DIR": aside, "DEVICE": device}))
        model, encoder = load_base(folder, LABELS)
        random = np.random.default_rng(0)
        examples = [_full_example(encoder.spec.visual, random) for _ in range(steps * batch_size)]
        ends: list[float] = []
        fit(
            model,
            encoder,
            examples,
            [],
            plan=TrainPlan(steps=steps, batch_size=batch_size),
            device=workshop.device,  # settles the threads too, as in a run
            workdir=Path(aside) / "run",
            progress=lambda *told: None,
            meanwhile=lambda: ends.append(time.perf_counter()),
        )
    return [end - start for start, end in pairwise(ends)]


def _full_example(visual: bool, random: np.random.Generator) -> Example:
    """A window of 512 tokens, each a word, random but for its form."""
    words = FULL_WINDOW - 2
    corners = random.integers(0, GRID // 2, size=(FULL_WINDOW, 2))
    window = Window(
        start=0,
        end=words,
        input_ids=random.integers(5, 20_000, size=FULL_WINDOW),
        bbox=np.concatenate([corners, corners + 20], axis=1),
        token_types=np.zeros(FULL_WINDOW, np.int64),
        first_tokens=np.arange(1, 1 + words),
        picture=random.integers(0, 256, size=(3, 224, 224), dtype=np.uint8) if visual else None,
    )
    return Example(window, window.labels(random.integers(0, LABELS.tag_count, size=words).tolist()))


@cache
def _predictor(data_dir: Path, engine: str) -> Predictor:
    """The prediction side of a web process with these settings."""
    settings = {"DATA_DIR": str(data_dir), "OCR_ENGINE": engine, "IMAGE_HOSTS": HOST, "DEVICE": "cpu"}
    return load_predictor(load_settings(settings))


def _page_of(task: Mapping[str, Any]) -> PageRef:
    return PageRef(task["id"], 0, task["data"]["image"])


def _processor_s() -> float:
    """Processor time of this process and of the children that have ended, in seconds."""
    return sum(os.times()[:4])

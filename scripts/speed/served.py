"""What people wait for while the backend is at work: short routes, a single page, a request of very many, a start."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.versions.store import version_name
from scripts.speed.figures import Figure, Options, measured
from scripts.speed.models import BASE_SIZE, STARTER
from scripts.speed.served_load import Answers, Call, load
from scripts.speed.served_start import measure_start
from scripts.speed.served_versions import publish
from scripts.speed.served_world import BUSY, OTHER, TRAINED, ServedFault, World, setup_body, world

PART = "served"
LATE_S = 5.0
"""A request may end this much after its deadline: what is at work then is finished."""
UNDER_WAY_S = 1.0
VISIBLE_S = 1.0
SMART_BOX_MS = 300.0
ASKED_MS = {"/health": 100.0, "/setup": 100.0, "/webhook": 200.0}


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything is done.

    Attributes:
        cold: pages of the request that is at work while the short routes are timed.
        pressed: pages of a request that takes longer than its deadline.
        deadline_s: of that request.
        single: requests of one page on an idle server.
    """

    cold: int
    pressed: int
    deadline_s: float
    single: int


FULL = Scale(cold=32, pressed=300, deadline_s=85.0, single=30)
QUICK = Scale(cold=4, pressed=40, deadline_s=20.0, single=5)


def measure(options: Options) -> list[Figure]:
    """The figures for base size and for the starter."""
    scale = QUICK if options.quick else FULL
    figures = []
    for size in (BASE_SIZE, STARTER):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            data_dir = Path(folder)
            for project in (BUSY, OTHER):
                publish(data_dir, project, size, seed=project)
            figures += measure_start(PART, size, data_dir)
            deadline = {"PREDICT_DEADLINE_S": str(scale.deadline_s)}
            with world(size, data_dir, options, **deadline) as at_work:
                figures += measure_smart_boxes(at_work, scale)
                figures += measure_many(at_work, scale)
                figures += measure_promotion(at_work)
                figures += measure_short_routes(at_work, scale)
    return figures


def measure_smart_boxes(at_work: World, scale: Scale) -> list[Figure]:
    """Boxes drawn on pages whose words are known: before the model was asked about the page, and after."""
    pages = at_work.cold(scale.single)
    at_work.predict(BUSY, pages)  # read by now, and given to the model of another project only
    first = [at_work.draw(OTHER, task) for task in pages]
    at_work.predict_one(OTHER, pages[0])
    opened = [at_work.draw(OTHER, pages[0]) for _ in range(scale.single)]
    return [
        *_smart(f"smart box, page not opened before, {at_work.size}", first),
        *_smart(f"smart box, page open, {at_work.size}", opened),
    ]


def _smart(what: str, seconds: Sequence[float]) -> list[Figure]:
    return [measured(PART, what, [1000 * one for one in seconds], "ms", at_most=SMART_BOX_MS)]


def measure_many(at_work: World, scale: Scale) -> list[Figure]:
    """A request longer than its deadline, a single page of another project beside it, and the same request again."""
    (task,) = at_work.cold(1)
    at_work.predict_one(OTHER, task)  # its words are known from here on
    idle = [at_work.predict_one(OTHER, task)[1] for _ in range(scale.single)]
    pressed = at_work.cold(scale.pressed)
    beside = []
    with ThreadPoolExecutor(1) as pool:
        pressing = pool.submit(at_work.predict, BUSY, pressed)
        time.sleep(UNDER_WAY_S)
        while not pressing.done():
            beside.append(at_work.predict_one(OTHER, task)[1])
    answer, seconds = pressing.result()
    again, _ = at_work.predict(BUSY, pressed)
    first, second = (sum(bool(entry) for entry in found["results"]) for found in (answer, again))
    whole, name, limit = len(pressed), at_work.size, scale.deadline_s + LATE_S
    return [
        *_timed(f"page with known words, idle server, {name}", idle),
        *_timed(f"the same beside {whole} cold pages of another project, {name}", beside),
        measured(PART, f"{whole} cold pages answered after, {name}", [seconds], "s", at_most=limit),
        measured(PART, f"of {whole} cold pages done by the first request, {name}", [first], "pages"),
        measured(PART, f"of the same done by the second, {name}", [second], "pages", at_least=min(first + 1, whole)),
    ]


def measure_promotion(at_work: World) -> list[Figure]:
    """From a promotion to the first answer of the new version."""
    (task,) = at_work.cold(1)
    at_work.predict_one(OTHER, task)
    promoted = version_name(publish(at_work.running.data_dir, OTHER, at_work.size, seed=OTHER + 1))
    began = time.monotonic()
    while at_work.predict_one(OTHER, task)[0]["model_version"] != promoted:
        pass
    waited = [time.monotonic() - began]
    return [measured(PART, f"promotion to an answer of that version, {at_work.size}", waited, "s", at_most=VISIBLE_S)]


def measure_short_routes(at_work: World, scale: Scale) -> list[Figure]:
    """The short routes while cold pages are predicted and a run trains."""
    at_work.start_training()
    calls = [
        Call("/health", 10),
        Call("/setup", 10, setup_body(BUSY, at_work.studio)),
        Call("/webhook", 50, {"action": "ANNOTATION_CREATED", "project": {"id": TRAINED}}),
    ]
    tasks = at_work.cold(scale.cold)
    with load(at_work.running.url, calls) as answers:
        answer, seconds = at_work.predict(BUSY, tasks)
    if not at_work.training():
        raise ServedFault(f"the run ended while it was measured: {at_work.running.project(TRAINED)}")
    done, name = sum(bool(entry) for entry in answer["results"]), at_work.size
    figures = [
        measured(PART, f"{len(tasks)} cold pages beside a training, {name}", [seconds], "s"),
        measured(PART, f"of {len(tasks)} cold pages done beside a training, {name}", [done], "pages"),
    ]
    for path, asked_ms in ASKED_MS.items():
        figures += _latency(f"{path} under load, {name}", answers[path], asked_ms)
    return figures


def _latency(what: str, answers: Answers, asked_ms: float) -> list[Figure]:
    median, p99, longest = (1000 * answers.quantile(share) for share in (0.5, 0.99, 1.0))
    return [
        measured(PART, f"{what}: median", [median], "ms"),
        measured(PART, f"{what}: p99", [p99], "ms", at_most=asked_ms),
        measured(PART, f"{what}: longest", [longest], "ms"),
        measured(PART, f"{what}: errors", [answers.errors], "", at_most=0),
    ]


def _timed(what: str, seconds: Sequence[float]) -> list[Figure]:
    p95 = float(np.quantile(seconds, 0.95))
    return [measured(PART, what, seconds, "s"), measured(PART, f"{what}: p95", [p95], "s")]

"""Memory of the web server: over thousands of predictions, and over hundreds of promotions."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, cycle, islice
from pathlib import Path

from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from scripts.speed.figures import Figure, Options, measured
from scripts.speed.memory_process import Taken, look, web_process
from scripts.speed.models import BASE_SIZE, STARTER
from scripts.speed.pages import A4_AT_200_DPI
from scripts.speed.served_pages import never_seen
from scripts.speed.served_studio import Json
from scripts.speed.served_versions import publish
from scripts.speed.served_world import BUSY, World, world
from tests.drawn import draw_form, draw_receipt
from tests.flows.conftest import png

PART = "memory"
EARLY, PREDICTIONS = 300, 2000
"""Until the first of them the shapes of pages and batches that are met for the first time take memory, once each."""
EARLY_SWAPS, SWAPS = 20, 200
QUICK_DIVISOR = 10
MOST_MB, MOST_GROWTH = 2500.0, 5.0
REQUESTS = (1, 1, 8, 1, 32)
"""Pages of the requests, in turn."""
SETTLED_S = 3.0
"""After a promotion: a version may still be loaded beside the one that answered."""
COLD_EVERY = 50
"""Of so many pages one was never read before, after one of each size at the start."""


def measure(options: Options) -> list[Figure]:
    """Memory of a base-size version's web server over predictions, and of the starter's over promotions."""
    share = QUICK_DIVISOR if options.quick else 1
    with _served(BASE_SIZE, options, versions=1) as at_work:
        figures = measure_predictions(at_work, EARLY // share, PREDICTIONS // share)
    with _served(STARTER, options, versions=2) as at_work:
        return figures + measure_swaps(at_work, EARLY_SWAPS // share, SWAPS // share)


def measure_predictions(at_work: World, early: int, total: int) -> list[Figure]:
    """Memory after the first predictions and after many more, of pages of several sizes."""
    start = taken(at_work)
    tasks = _tasks(at_work)
    for request in _requests(islice(tasks, early)):
        at_work.predict(BUSY, request)
    first = taken(at_work)
    for request in _requests(islice(tasks, total - early)):
        at_work.predict(BUSY, request)
    last = taken(at_work)
    return [
        measured(PART, f"web process, {at_work.size}, at the start", [start.rss_mb], "MB"),
        measured(PART, f"web process, {at_work.size}, after {early} predictions", [first.rss_mb], "MB"),
        measured(PART, f"web process, {at_work.size}, after {total} predictions", [last.rss_mb], "MB", at_most=MOST_MB),
        measured(PART, f"the same without what other processes share, {at_work.size}", [last.pss_mb], "MB"),
        *_growth(f"from {early} to {total} predictions, {at_work.size}", first, last),
    ]


def measure_swaps(at_work: World, early: int, total: int) -> list[Figure]:
    """Memory after the first promotions and after many more, each followed by a prediction."""
    store = VersionStore(ProjectFolder(at_work.running.data_dir, BUSY))
    (task,) = at_work.cold(1)
    numbers = cycle(store.numbers())

    def swap(times: int) -> Taken:
        for number in islice(numbers, times):
            store.promote(number, "to be measured")
            at_work.predict_one(BUSY, task)
        time.sleep(SETTLED_S)
        return taken(at_work)

    first, last = swap(early), swap(total - early)
    return [
        measured(PART, f"web process, {at_work.size}, after {early} promotions", [first.rss_mb], "MB"),
        measured(PART, f"web process, {at_work.size}, after {total} promotions", [last.rss_mb], "MB"),
        *_growth(f"from {early} to {total} promotions, {at_work.size}", first, last),
    ]


def taken(at_work: World) -> Taken:
    """What the web process of a backend has now."""
    return look(web_process(at_work.running.process.pid))


def _growth(what: str, first: Taken, last: Taken) -> list[Figure]:
    grown = 100 * (last.rss_mb / first.rss_mb - 1)
    return [
        measured(PART, f"growth {what}", [grown], "%", at_most=MOST_GROWTH),
        measured(PART, f"more open files {what}", [last.files - first.files], ""),
        measured(PART, f"more threads {what}", [last.threads - first.threads], ""),
        measured(PART, f"more children {what}", [last.children - first.children], ""),
    ]


@contextmanager
def _served(size: str, options: Options, *, versions: int) -> Iterator[World]:
    """A backend that serves a project with so many versions, the newest of them live."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for seed in range(versions):
            publish(Path(folder), BUSY, size, seed=seed)
        with world(size, Path(folder), options) as at_work:
            yield at_work


def _tasks(at_work: World) -> Iterator[Json]:
    """Pages of several sizes, most of them short, again and again; now and then one that was never read."""
    images = _images()
    known = cycle(at_work.studio.upload(images))
    new = (file for image in cycle(images) for file in never_seen([image], 1))
    for number in count():
        yield at_work.studio.upload([next(new)])[0] if number < len(images) or number % COLD_EVERY == 0 else next(known)


def _images() -> list[bytes]:
    """Forms first: they are noisy, and the first one that is read alone, and the first two at a time, load RapidOCR."""
    receipts = [draw_receipt(seed).image for seed in range(12)]
    forms = [draw_form(seed).image for seed in range(4)]
    return [png(image) for image in (*forms, *(form.resize(A4_AT_200_DPI) for form in forms), *receipts)]


def _requests(tasks: Iterator[Json]) -> Iterator[list[Json]]:
    sizes = cycle(REQUESTS)
    while request := list(islice(tasks, next(sizes))):
        yield request

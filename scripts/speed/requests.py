"""Requests of several pages: against the plain way, and against what the machine could do at best."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from backend.cores import cores
from scripts.speed.figures import Figure, Options, measured
from scripts.speed.models import BASE_SIZE, PROJECTS, STARTER
from scripts.speed.pages import bench_pages
from scripts.speed.workbench import Workbench, workbench

PART = "requests"
BATCHES, QUICK_BATCHES = (1, 8, 32), (1, 4)
ROUNDS = 2
ASKED_OF_FLOOR = {BASE_SIZE: 1.15, STARTER: None}


def measure(options: Options) -> list[Figure]:
    batches = QUICK_BATCHES if options.quick else BATCHES
    with workbench(bench_pages(options, max(batches)), options.seed) as bench:
        return [figure for size in PROJECTS for figure in _of_size(bench, size, batches)]


def _of_size(bench: Workbench, size: str, batches: Sequence[int]) -> Iterator[Figure]:
    """All batches in turn, a page of the plain way between them, after one page for warming up."""
    plain, cold, cached = [], defaultdict(list), defaultdict(list)
    bench.plain(size, 0)
    bench.ours(size, 0, cold=True)
    for number in range(ROUNDS):
        for at, batch in enumerate(batches):
            plain.append(bench.plain(size, (number * len(batches) + at) % len(bench.pages)).seconds)
            cold[batch].append(bench.ours(size, number % (len(bench.pages) - batch + 1), batch, cold=True).seconds)
            first = number % (len(bench.pages) - batch + 1)
            cached[batch].append(bench.ours(size, first, batch, cold=False).seconds)
    yield measured(PART, f"page, {size}, the plain way", plain, "s")
    typical = sorted(plain)[len(plain) // 2]
    for what, seconds in (("cold", cold), ("OCR cached", cached)):
        for batch in batches:
            of_page = [one / batch for one in seconds[batch]]
            yield measured(PART, f"request of {batch}, {what}, {size}, a page", of_page, "s")
            yield measured(
                PART,
                f"request of {batch}, {what}, {size}, against the plain way",
                [typical / one for one in of_page],
                "x",
            )
    yield from _of_floor(bench, size, max(batches), cold[max(batches)])


def _of_floor(bench: Workbench, size: str, batch: int, seconds: Sequence[float]) -> Iterator[Figure]:
    """A whole request of cold pages against the work in it, spread over all cores."""
    work = bench.core_seconds(size)
    reading, model = sum(ocr for ocr, _ in work), sum(tagging for _, tagging in work)
    yield measured(PART, f"request of {batch}, cold, {size}: work of OCR", [reading], "core s")
    yield measured(PART, f"request of {batch}, cold, {size}: work of the model", [model], "core s")
    larger, both = max(reading, model) / cores(), (reading + model) / cores()
    yield measured(
        PART,
        f"request of {batch}, cold, {size}, against the larger of both over the cores",
        [one / larger for one in seconds],
        "x",
        at_most=ASKED_OF_FLOOR[size],
    )
    yield measured(
        PART,
        f"request of {batch}, cold, {size}, against the sum of both over the cores",
        [one / both for one in seconds],
        "x",
    )

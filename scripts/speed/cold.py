"""One page in a request: never read, and read before, against the plain way; and where its time goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scripts.speed.figures import Figure, Options, measured
from scripts.speed.models import BASE_SIZE, PROJECTS
from scripts.speed.ours import AUTO, Request
from scripts.speed.pages import a4_pages, bench_pages
from scripts.speed.plain import PlainPage
from scripts.speed.workbench import Workbench, workbench

PART = "cold"
A4 = "A4 at 200 dpi"
ASKED_COLD, ASKED_CACHED = 5.0, 15.0
ASKED_OVERHEAD_PERCENT = 5.0
STEPS = ("fetch", "decode", "ocr", "model", "regions", "json")


@dataclass(frozen=True, slots=True)
class PageTimes:
    """The same page by both ways; `auto` is a cold page with the default OCR engine."""

    plain: PlainPage
    cold: Request
    cached: Request
    encode: float
    auto: Request | None


def measure(options: Options) -> list[Figure]:
    """Forms and receipts, which are small scans, and letters."""
    with workbench(bench_pages(options, options.pages + 1), options.seed) as bench:
        figures = [figure for size in PROJECTS for figure in _of_size(bench, size)]
    with workbench(a4_pages(options.seed, options.pages + 1), options.seed) as bench:
        return [*figures, *_against_plain(f"{BASE_SIZE}, {A4}", _times(bench, BASE_SIZE))]


def _of_size(bench: Workbench, size: str) -> list[Figure]:
    times = _times(bench, size)
    return [*_against_plain(size, times), *_steps(size, times)]


def _times(bench: Workbench, size: str) -> list[PageTimes]:
    """The first page is for warming up: both ways load their models with it."""
    return [_page(bench, size, page) for page in range(len(bench.pages))][1:]


def _page(bench: Workbench, size: str, page: int) -> PageTimes:
    """The ways take turns in being the first."""
    before = bench.plain(size, page) if page % 2 else None
    cold = bench.ours(size, page, cold=True)
    cached = bench.ours(size, page, cold=False)
    encode = bench.encode(size, page)
    auto = bench.ours(size, page, cold=True, engine=AUTO) if size == BASE_SIZE else None
    return PageTimes(before or bench.plain(size, page), cold, cached, encode, auto)


def _against_plain(what: str, times: Sequence[PageTimes]) -> Iterator[Figure]:
    asked_cold, asked_cached = (ASKED_COLD, ASKED_CACHED) if what.startswith(BASE_SIZE) else (None, None)
    yield measured(PART, f"page, {what}, the plain way", [one.plain.seconds for one in times], "s")
    yield measured(PART, f"of it the plain processor with its OCR, {what}", [one.plain.processor for one in times], "s")
    yield measured(PART, f"cold page, {what}", [one.cold.seconds for one in times], "s")
    yield measured(PART, f"page with OCR cached, {what}", [one.cached.seconds for one in times], "s")
    yield measured(
        PART,
        f"cold page, {what}, against the plain way",
        [one.plain.seconds / one.cold.seconds for one in times],
        "x",
        at_least=asked_cold,
    )
    yield measured(
        PART,
        f"page with OCR cached, {what}, against the plain way",
        [one.plain.seconds / one.cached.seconds for one in times],
        "x",
        at_least=asked_cached,
    )
    if autos := [(one.plain.seconds, one.auto.seconds) for one in times if one.auto]:
        yield measured(PART, f"cold page, {what}, OCR_ENGINE=auto", [auto for _, auto in autos], "s")
        yield measured(
            PART,
            f"cold page, {what}, OCR_ENGINE=auto, against the plain way",
            [one / two for one, two in autos],
            "x",
            at_least=asked_cold if A4 in what else None,  # the small scans are noisy: read by both engines
        )


def _steps(size: str, times: Sequence[PageTimes]) -> Iterator[Figure]:
    """Seconds of each step, and its share of the page; encoding is a part of the step `model`."""
    for what, requests in (("cold", [one.cold for one in times]), ("cached", [one.cached for one in times])):
        for step in STEPS:
            if any(step in one.steps for one in requests):
                milliseconds = [1000 * one.steps.get(step, 0.0) for one in requests]
                yield measured(PART, f"{what} page, {size}: {step}", milliseconds, "ms")
                shares = [100 * one.steps.get(step, 0.0) / one.seconds for one in requests]
                yield measured(PART, f"{what} page, {size}: {step}, share", shares, "%")
    yield measured(PART, f"{size}: encode, in the step model", [1000 * one.encode for one in times], "ms")
    yield measured(
        PART,
        f"cold page, {size}, neither OCR nor model",
        [100 * _overhead(one) / one.cold.seconds for one in times],
        "%",
        at_most=ASKED_OVERHEAD_PERCENT,
    )


def _overhead(one: PageTimes) -> float:
    """Seconds of a cold page in which neither OCR nor the model's arithmetic went on."""
    return one.cold.seconds - one.cold.steps["ocr"] - one.cold.steps["model"] + one.encode

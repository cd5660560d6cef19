"""The figures that the product aims at, beside those measured."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.bench.results import BOTH, FAST, Results, mean_f1, pooled_ece
from scripts.bench.tables import table

REGION_F1 = {
    ("receipts", BOTH): {5: 0.55, 10: 0.68, 20: 0.78, 40: 0.85},
    ("receipts", FAST): {10: 0.60, 20: 0.72, 40: 0.80},
    ("forms", BOTH): {25: 0.50, 149: 0.58},
}
ENTITY_F1 = {10: 0.62, 50: 0.72, 149: 0.76}
"""Of both learners, given words."""
MEDIAN_S = 10.0
CALIBRATION_ERROR, CALIBRATED_FROM = 0.08, 40
"""Largest calibration error, and the number of pages from which it is asked for."""


def acceptance(results: Results) -> Iterator[str]:
    """One table of every figure that has an aim and was measured; nothing where there is none."""
    if rows := list(_rows(results)):
        yield table(["what", "asked", "measured", ""], rows)


def _rows(results: Results) -> Iterator[list[str]]:
    for (kind, learners), aims in REGION_F1.items():
        for pages, aim in aims.items():
            if same := results.at(kind, learners, pages):
                yield _at_least(f"{kind}, {learners}, {pages} pages, region F1", aim, mean_f1(same))
    for forms, aim in ENTITY_F1.items():
        if scores := results.words.get((BOTH, forms)):
            yield _at_least(f"given words, {forms} forms, entity F1", aim, scores.exact.f1)
    for (kind, learners), latency in results.latencies.items():
        if learners == BOTH:
            yield _at_most(f"{kind}, saved page to live version, median s", MEDIAN_S, latency.median_s)
    for kind, learners in REGION_F1:
        counts = {checkpoint.pages for order in results.replays.get((kind, learners), []) for checkpoint in order}
        for pages in sorted(count for count in counts if count >= CALIBRATED_FROM):
            error = pooled_ece(results.at(kind, learners, pages))
            yield _at_most(f"{kind}, {learners}, {pages} pages, calibration error", CALIBRATION_ERROR, error)
    for what, stayed in results.refusals.items():
        yield [
            f"{what}, refused",
            f"{len(stayed)} of {len(stayed)}",
            f"{sum(stayed)} of {len(stayed)}",
            _word(all(stayed)),
        ]


def _at_least(what: str, aim: float, figure: float) -> list[str]:
    return [what, f">= {aim:g}", f"{figure:.3f}", _word(figure >= aim)]


def _at_most(what: str, aim: float, figure: float) -> list[str]:
    return [what, f"<= {aim:g}", f"{figure:.3f}", _word(figure <= aim)]


def _word(reached: bool) -> str:
    return "reached" if reached else "missed"

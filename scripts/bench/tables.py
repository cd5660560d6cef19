"""The figures as Markdown tables, means over the orders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean

from backend.reports.effort import EditCounts
from scripts.bench.latency import NEVER
from scripts.bench.replay import Checkpoint
from scripts.bench.results import Results, mean_f1, pooled_ece

NONE = "-"


def tables(results: Results) -> Iterator[str]:
    """One table for each thing measured."""
    for (kind, learners), orders in results.replays.items():
        yield _replay_table(f"{kind}, {learners}, {len(orders)} orders", orders)
        yield _label_table(orders)
    if results.latencies:
        yield _latency_table(results)
    if results.words:
        yield _words_table(results)
    for what, stayed in results.refusals.items():
        yield f"{what}: refused {sum(stayed)} times of {len(stayed)}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _replay_table(title: str, orders: Sequence[Sequence[Checkpoint]]) -> str:
    head = ["pages", "F1", "orders from to", "precision", "recall", "ECE", "kept", "kept closely", "first s", "last s"]
    return f"{title}\n\n" + table(head, (_replay_row(same) for same in zip(*orders, strict=True)))


def _replay_row(same: Sequence[Checkpoint]) -> list[str]:
    micros = [checkpoint.scores.micro for checkpoint in same]
    return [
        str(same[0].pages),
        f"{mean_f1(same):.3f}",
        f"{min(micro.f1 for micro in micros):.3f} {max(micro.f1 for micro in micros):.3f}",
        f"{fmean(micro.precision for micro in micros):.3f}",
        f"{fmean(micro.recall for micro in micros):.3f}",
        f"{pooled_ece(same):.3f}",
        _share(checkpoint.opened for checkpoint in same),
        _share(checkpoint.opened_strict for checkpoint in same),
        _seconds(checkpoint.settled.first_s for checkpoint in same),
        _seconds(checkpoint.settled.last_s for checkpoint in same),
    ]


def _label_table(orders: Sequence[Sequence[Checkpoint]]) -> str:
    labels = sorted({label for order in orders for checkpoint in order for label in checkpoint.scores.by_label})
    rows = (
        [str(same[0].pages), *(f"{_label_f1(same, label):.3f}" for label in labels)]
        for same in zip(*orders, strict=True)
    )
    return table(["pages, F1 of", *labels], rows)


def _label_f1(same: Sequence[Checkpoint], label: str) -> float:
    found = (checkpoint.scores.by_label.get(label) for checkpoint in same)
    return fmean(counts.f1 if counts else 0.0 for counts in found)


def _latency_table(results: Results) -> str:
    rows = (
        [kind, learners, _second(latency.median_s), " ".join(_second(one) for one in latency.seconds)]
        for (kind, learners), latency in results.latencies.items()
    )
    return table(["saved page to live version", "learners", "median s", "each"], rows)


def _words_table(results: Results) -> str:
    rows = (
        [learner, str(forms), f"{scores.exact.f1:.3f}", f"{scores.runs.f1:.3f}"]
        for (learner, forms), scores in results.words.items()
    )
    return table(["given words", "forms", "entity F1", "by runs of words"], rows)


def _share(efforts: Iterable[EditCounts | None]) -> str:
    shares = [effort.no_edit_share for effort in efforts if effort is not None]
    known = [share for share in shares if share is not None]
    return f"{fmean(known):.0%}" if known else NONE


def _seconds(moments: Iterable[float | None]) -> str:
    known = [moment for moment in moments if moment is not None]
    return f"{fmean(known):.0f}" if known else NONE


def _second(one: float) -> str:
    return "never" if one == NEVER else f"{one:.1f}"

"""Shuffled labels: whether the live version stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from scripts.bench.pages import BenchPage, Json
from scripts.bench.session import Session, Settled


def refuse_shuffled(
    at_work: Session, pages: Sequence[BenchPage], spoilt: Sequence[BenchPage], times: int, say: Callable[[str], None]
) -> list[bool]:
    """Shuffle the labels of some pages of a project that learnt all of its pages, time after time.

    Returns:
        For each time whether the version that learnt the true labels is still live when all runs have ended.
    """
    stayed = []
    for number in range(times):
        good = at_work.live()
        settled = _annotate(at_work, spoilt, shuffled_labels([page.results for page in spoilt], Random(number)))
        stayed.append(settled.version == good)
        say(f"  {len(spoilt)} pages shuffled, {settled.version} is live: {settled.run.get('reason')}")
        if not stayed[-1]:
            restored = _annotate(at_work, pages, [page.results for page in pages])
            say(f"  restored, {restored.version} is live: {restored.run.get('reason')}")
    return stayed


def _annotate(at_work: Session, pages: Sequence[BenchPage], annotations: Sequence[Sequence[Json]]) -> Settled:
    before = at_work.live()
    saved = [at_work.change(page, results) for page, results in zip(pages, annotations, strict=True)]
    return at_work.settle(pages[-1], before, saved[-1])


def shuffled_labels(annotations: Sequence[Sequence[Json]], random: Random) -> list[list[Json]]:
    """The annotations with their labels dealt out anew: each label as often as before, in other places."""
    labels = [labels for results in annotations for result in results if (labels := _labels(result))]
    random.shuffle(labels)
    dealt = iter(labels)
    return [
        [_with_labels(result, next(dealt)) if _labels(result) else result for result in results]
        for results in annotations
    ]


def _labels(result: Json) -> list[str]:
    found: list[str] = result["value"].get("rectanglelabels", [])
    return found


def _with_labels(result: Json, labels: list[str]) -> Json:
    return {**result, "value": {**result["value"], "rectanglelabels": labels}}

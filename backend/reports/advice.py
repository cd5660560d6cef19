"""What to do next: how many more pages with which label, and where more pages would not help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from backend.reports.confusion import Confusion
from backend.reports.forecast import PowerLaw
from backend.training.scores import Counts

TARGET_F1 = 0.9
"""A label that reaches this needs no more pages."""
GAIN = 0.03
"""F1 that the pages advised are forecast to bring, or what is missing to the target."""
LEAST_PAGES = 8
"""Pages with a label below which it is advised to label more of them, without any forecast."""
LEAST_ADVISED = 3
"""Fewer pages than this are not worth an advice: the figures are not that exact."""


class Kind(StrEnum):
    """Why something is advised, the most urgent first."""

    FEW = "few"
    MORE = "more"
    UNCLEAR = "unclear"
    FLAT = "flat"
    DOUBTS = "doubts"
    ENOUGH = "enough"


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to do.

    Attributes:
        text: a sentence for people.
        pages: pages to label, 0 for none.
        f1, forecast_f1: of the label now, and after these pages (flat: as far as the forecast goes).
    """

    kind: Kind
    text: str
    label: str | None = None
    pages: int = 0
    f1: float | None = None
    forecast_f1: float | None = None

    def to_json(self) -> dict[str, Any]:
        rounded = {name: round(value, 4) for name, value in asdict(self).items() if isinstance(value, float)}
        return asdict(self) | rounded


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """What is known of one label.

    Attributes:
        pages: annotated pages with it.
        counts: over the judged pages.
        law: its learning curve; None where there is no forecast.
    """

    pages: int
    counts: Counts
    law: PowerLaw | None


def advise(pages: int, labels: Mapping[str, LabelFacts], mistakes: Confusion, suspects: int) -> list[Advice]:
    """What to do, the most useful first; never empty.

    Args:
        pages: annotated pages.
        suspects: annotations that are doubted.
    """
    found = [advice for label, facts in labels.items() if (advice := _for_label(label, facts, mistakes, pages))]
    if pages < LEAST_PAGES:
        missing = LEAST_PAGES - pages
        text = f"Label {_pages(missing)}: {pages} annotated so far, forecasts need {LEAST_PAGES}."
        found = [Advice(Kind.FEW, text, pages=missing), *(advice for advice in found if not _is_met(advice, labels))]
    if suspects:
        plural = "annotations" if suspects > 1 else "annotation"
        text = f"Look at {suspects} {plural} that the model confidently disagrees with; correct what is wrong."
        found.append(Advice(Kind.DOUBTS, text))
    if not found:
        text = f"Every label reaches F1 {TARGET_F1:.2f} on pages that were not learnt: no more pages are needed."
        found.append(Advice(Kind.ENOUGH, text))
    return sorted(found, key=_usefulness)


def _is_met(advice: Advice, labels: Mapping[str, LabelFacts]) -> bool:
    """Whether the label of an advice is on some page."""
    return advice.label is not None and labels[advice.label].pages > 0


def _for_label(label: str, facts: LabelFacts, mistakes: Confusion, pages: int) -> Advice | None:
    if facts.pages == 0:
        text = f'No page has "{label}" yet: label {LEAST_PAGES} pages with it, or remove the label.'
        return Advice(Kind.FEW, text, label, LEAST_PAGES)
    now = facts.counts.f1
    if facts.pages < LEAST_PAGES:
        missing = LEAST_PAGES - facts.pages
        text = f'Label {_pages(missing)} with "{label}": {facts.pages} of {pages} have it, too few to learn it well.'
        return Advice(Kind.FEW, text, label, missing, now if facts.counts.drawn else None)
    if now >= TARGET_F1 or not facts.counts.drawn:
        return None
    if facts.law is None:
        step = max(LEAST_ADVISED, round(facts.pages / 2))
        text = f'Label {_pages(step)} with "{label}": F1 {now:.2f}; its curve is too uneven for a forecast.'
        return Advice(Kind.UNCLEAR, text, label, step, now)
    needed = _pages_needed(facts.law, facts.pages, min(GAIN, TARGET_F1 - now))
    if needed is None:
        return _flat(label, facts, mistakes)
    then = min(1.0, now + facts.law.f1(facts.pages + needed) - facts.law.f1(facts.pages))
    text = f'Label {_pages(needed)} with "{label}": its F1 is forecast to rise from {now:.2f} to {then:.2f}.'
    return Advice(Kind.MORE, text, label, needed, now, then)


def _pages_needed(law: PowerLaw, have: int, gain: float) -> int | None:
    """Further pages until the law has risen by `gain`; None where it does not, as far as it may be believed."""
    goal = law.f1(have) + gain
    return next((more for more in range(LEAST_ADVISED, law.furthest - have + 1) if law.f1(have + more) >= goal), None)


def _flat(label: str, facts: LabelFacts, mistakes: Confusion) -> Advice:
    now, law = facts.counts.f1, facts.law
    then = now
    text = f'"{label}" stands at F1 {now:.2f} after {_pages(facts.pages, more=False)}'
    if law is not None and law.furthest > facts.pages:
        then = min(1.0, now + max(0.0, law.f1(law.furthest) - law.f1(facts.pages)))
        text += f", and more pages are forecast to help little ({then:.2f} with {law.furthest})"
    mistake = mistakes.main_mistake(label)
    if mistake is not None:
        other, count = mistake
        instead = "nothing was proposed" if other is None else f'"{other}" was proposed'
        text += f". Mostly {instead} in its place ({count} times): look whether boxes are drawn alike"
    return Advice(Kind.FLAT, f"{text}.", label, 0, now, then)


def _usefulness(advice: Advice) -> tuple[int, float]:
    """Sorts by kind, then by what a page brings; a label with few pages comes before one with more."""
    gain = (advice.forecast_f1 or 0.0) - (advice.f1 or 0.0) if advice.kind is Kind.MORE else 0.0
    return list(Kind).index(advice.kind), -gain / advice.pages if gain else -float(advice.pages)


def _pages(count: int, *, more: bool = True) -> str:
    return f"{count} {'more ' if more else ''}{'page' if count == 1 else 'pages'}"

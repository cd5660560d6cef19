"""Field rules on the regions of a document: which of several stay, what is missing, what a text stands for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from backend.document.field_rule import FieldRule, Keep
from backend.document.region import Region
from backend.inference.values import normalised

RuleOf = Callable[[str], FieldRule]
"""From the name of a label to its rule."""

LACKING = 0.1
"""Score of a task, 0 to 1, that those without a required field stay under and all others reach."""


def apply_rules(pages: Sequence[Sequence[Region]], rule_of: RuleOf) -> list[list[Region]]:
    """The regions of a document's pages that its field rules keep, with their normalised values."""
    kept = _kept(pages, rule_of)
    return [
        [with_value(region, rule_of(region.label)) for region in regions if id(region) in kept] for regions in pages
    ]


def with_value(region: Region, rule: FieldRule) -> Region:
    """The region with what its text stands for."""
    return replace(region, value=normalised(region.text, rule))


def task_score(score: float, pages: Sequence[Sequence[Region]], required: Sequence[str]) -> float:
    """The score of a document, by which people look at the least certain first.

    Without a required field it stays under `LACKING`, the lower the more of them are missing; with all of them it is
    no less than `LACKING`. So those that lack one come before all others.

    Args:
        score: of the document without regard to its fields, 0 to 1.
        required: names of the labels that each document must have.
    """
    if not required:
        return score
    have = {region.label for regions in pages for region in regions}
    present = sum(label in have for label in required)
    if present == len(required):
        return max(LACKING, score)
    # Whole steps of missing fields, and in a step by the score; below 1 so that the highest stays under LACKING.
    return LACKING * (present + 0.999 * score) / len(required)


def _kept(pages: Sequence[Sequence[Region]], rule_of: RuleOf) -> set[int]:
    """The identities of the regions that stay."""
    by_label: dict[str, list[Region]] = {}
    for regions in pages:
        for region in regions:
            by_label.setdefault(region.label, []).append(region)
    return {id(region) for label, regions in by_label.items() for region in _chosen(regions, rule_of(label).keep)}


def _chosen(regions: Sequence[Region], keep: Keep) -> Sequence[Region]:
    """Those of one label that stay, of several equal ones the first; regions come in reading order."""
    match keep:
        case Keep.ALL:
            return regions
        case Keep.FIRST:
            return regions[:1]
        case Keep.BEST:
            return [max(regions, key=lambda region: region.score)]
        case Keep.LONGEST:
            return [max(regions, key=lambda region: len(region.text))]

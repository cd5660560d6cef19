"""Labels that people draw once on a page: a date, a total.

A model that decides word by word proposes two of them, or none because it is not sure of any word. Of several regions
the one with the most likely words stays. Where there is none the label's probabilities are raised until its likeliest
word has it, unless that word is far less likely than a page without the label.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from backend.document.label_set import LabelSet
from backend.document.region import Region

LEAST_OF_ABSENCE = 0.5
"""How likely the likeliest word must be, as a share of the chance that a page lacks the label. Below 1: on a page that
lacks it a person removes a box, which is less work than to draw one."""
RAISED_ODDS = 8.0
"""Odds of the likeliest word once raised; above 1, so that its less likely neighbours in the region come along."""
SMALLEST = 1e-6


def likeliest(regions: Sequence[Region], label_set: LabelSet) -> list[Region]:
    """The regions without those of a `once` label but its best: the one with the most words expected to be right."""
    best: dict[str, Region] = {}
    for region in regions:
        if region.label not in best or _expected_words(region) > _expected_words(best[region.label]):
            best[region.label] = region
    return [region for region in regions if region.label not in label_set.once or region is best[region.label]]


def raised(
    probabilities: NDArray[np.float32], labels: Collection[str], label_set: LabelSet
) -> NDArray[np.float32] | None:
    """(W, C) distributions in which these `once` labels are likely; None where the page has none of them."""
    found = probabilities.astype(np.float64)
    changed = False
    for name in labels:
        tags = [label_set.begin(name), label_set.inside(name)]
        most = min(float(probabilities[:, tags].sum(axis=1).max()), 1 - SMALLEST)
        if most >= LEAST_OF_ABSENCE * (1 - label_set.once[name]):
            found[:, tags] *= RAISED_ODDS * (1 - most) / max(most, SMALLEST)
            changed = True
    return (found / found.sum(axis=1, keepdims=True)).astype(np.float32) if changed else None


def _expected_words(region: Region) -> float:
    return region.score * len(region.words)

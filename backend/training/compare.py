"""Whether one version is worse than another, as far as a few pages can tell.

The paired bootstrap over tasks: B. Efron, "Bootstrap Methods", 1979; T. Berg-Kirkpatrick et al., "An Empirical
Investigation of Statistical Significance in NLP", 2012.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.training.scores import Scores

RESAMPLES = 1000
INTERVAL = (0.05, 0.95)

Figures = NDArray[np.float64]
Figure = Callable[[Figures], Figures]


@dataclass(frozen=True, slots=True)
class Difference:
    """F1 of the new version less that of the old one.

    Attributes:
        mean: over the tasks as they are.
        low, high: ends of the 90 % interval.
        chance_worse: share of the resamples in which the new version is worse.
    """

    mean: float
    low: float
    high: float
    chance_worse: float


def compare(new: Sequence[Scores], old: Sequence[Scores], *, macro: bool = False) -> Difference:
    """The difference of two versions, whose scores are of the same tasks in the same order; one or more of them.

    Args:
        macro: of the mean F1 of the labels, instead of the F1 of all regions.
    """
    labels = sorted({label for scores in (*new, *old) for label in scores.by_label})
    figure = _macro_f1 if macro else _micro_f1
    counts = _counts(new, labels), _counts(old, labels)
    whole = np.ones((1, len(new)))
    drawn = np.random.default_rng(0).multinomial(len(new), np.full(len(new), 1 / len(new)), size=RESAMPLES)
    mean = _difference(*counts, whole, figure)[0]
    differences = _difference(*counts, drawn.astype(float), figure)
    low, high = np.quantile(differences, INTERVAL)
    return Difference(float(mean), float(low), float(high), float((differences < 0).mean()))


def _counts(scores: Sequence[Scores], labels: Sequence[str]) -> Figures:
    """(T, labels, 3) right, proposed and drawn regions by task and label."""
    found = np.zeros((len(scores), len(labels), 3))
    for task, one in enumerate(scores):
        for label, counts in one.by_label.items():
            found[task, labels.index(label)] = counts.right, counts.proposed, counts.drawn
    return found


def _difference(new: Figures, old: Figures, weights: Figures, figure: Figure) -> Figures:
    """(R,) for each resample, given as how often each task is in it (R, T)."""
    return figure(np.tensordot(weights, new, 1)) - figure(np.tensordot(weights, old, 1))


def _micro_f1(counts: Figures) -> Figures:
    """(R,) from (R, labels, 3)."""
    return _f1(counts.sum(axis=1))


def _macro_f1(counts: Figures) -> Figures:
    """(R,) mean over the labels that people drew, from (R, labels, 3)."""
    drawn = counts[..., 2] > 0
    found: Figures = (_f1(counts) * drawn).sum(axis=1) / np.maximum(drawn.sum(axis=1), 1)
    return found


def _f1(counts: Figures) -> Figures:
    """(...,) from (..., 3); 0 where nothing is proposed or drawn."""
    found: Figures = 2 * counts[..., 0] / np.maximum(counts[..., 1] + counts[..., 2], 1)
    return found

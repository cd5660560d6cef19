"""Trusted scores and thresholds, from regions on pages that were not learnt from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from backend.model.scoring import Scoring, log_odds
from backend.training.judged import JudgedTask
from backend.training.scores import right_regions

TRUST_IN_RAW = 2.0
"""Weight of the belief that raw scores are right as they are: few regions must not turn them upside down."""
LEAST_REGIONS = 20
"""Proposed regions of a label below which no threshold is learnt for it."""
BINS = 10

Shares = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class JudgedRegion:
    """A region proposed on a page that was not learnt: its label, raw score, and whether a person drew it so."""

    label: str
    score: float
    right: bool


def judged_regions(tasks: Iterable[JudgedTask]) -> list[JudgedRegion]:
    """The proposed regions of tasks that were not learnt."""
    return [
        JudgedRegion(region.label, region.score, right)
        for task in tasks
        for regions, boxes in zip(task.regions, task.boxes, strict=True)
        for region, right in zip(regions, right_regions(regions, boxes), strict=True)
    ]


def fit_scoring(regions: Sequence[JudgedRegion], least_precision: float) -> Scoring:
    """The scoring that fits the regions best.

    Args:
        least_precision: of the proposed regions of a label this share or more is to be right, 0 for no thresholds.
    """
    if not regions:
        return Scoring()
    odds = np.array([log_odds(region.score) for region in regions])
    right = np.array([region.right for region in regions], float)

    def loss(parameters: Shares) -> float:
        slope, shift = parameters
        log_odds_of_right = slope * odds + shift
        # -log of the likelihood of a logistic regression, whose belief beforehand is slope 1 and shift 0
        likelihood = np.logaddexp(0, log_odds_of_right).sum() - (right * log_odds_of_right).sum()
        return float(likelihood + TRUST_IN_RAW * ((slope - 1) ** 2 + shift**2) / 2)

    slope, shift = minimize(loss, x0=(1.0, 0.0), bounds=((0.05, 5.0), (-5.0, 5.0))).x
    plain = Scoring(float(slope), float(shift))
    thresholds = {}
    for label in sorted({region.label for region in regions}):
        of_label = [region for region in regions if region.label == label]
        least = _threshold([(plain.trusted(one.score), one.right) for one in of_label], least_precision)
        if least > 0:
            thresholds[label] = round(least, 4)
    return Scoring(plain.slope, plain.shift, thresholds)


def _threshold(judged: Sequence[tuple[float, bool]], least_precision: float) -> float:
    """The least score from which on the stated share of the regions is right; 0 when all may stay, or too few speak."""
    if len(judged) < LEAST_REGIONS or least_precision <= 0:
        return 0.0
    surest_first = sorted(judged, reverse=True)
    right = np.cumsum([is_right for _, is_right in surest_first])
    precise = right / np.arange(1, len(right) + 1) >= least_precision
    if precise[-1]:
        return 0.0
    kept = int(np.flatnonzero(precise)[-1]) + 1 if precise.any() else 0
    # Between the last score that stays and the first that goes.
    return (surest_first[kept - 1][0] + surest_first[kept][0]) / 2 if kept else surest_first[0][0]


def expected_calibration_error(regions: Sequence[JudgedRegion]) -> float:
    """Mean distance between score and share of right regions over ten bins of scores, weighted by their regions.

    M. Naeini, G. Cooper, M. Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015.
    """
    if not regions:
        return 0.0
    scores = np.array([region.score for region in regions])
    right = np.array([region.right for region in regions], float)
    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    distances = [abs((scores - right)[bins == number].sum()) for number in range(BINS)]
    return float(sum(distances) / len(regions))

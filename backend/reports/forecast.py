"""From a learning curve to what more pages will bring: an inverse power law.

F1(n) = ceiling - gap * (n / largest) ^ -rate, as in R. Figueroa et al., "Predicting sample size required for
classification performance", 2012, who weigh the points by their size, and J. Hestness et al., "Deep Learning Scaling is
Predictable, Empirically", 2017.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from backend.reports.learning_curve import CurvePoint

LEAST_SIZES = 3
LEAST_PAGES = 5
"""Pages of the largest fit, and different sizes, from which on a curve is forecast."""
MOST_SPREAD = 0.1
"""Root mean square distance of the mean points from the law above which it says nothing."""
FURTHEST = 2.5
"""A forecast is given up to this many times the pages of the largest fit."""
NOISE = 0.05
"""Usual distance of a point from the law: what is believed beforehand weighs as much as points with this noise."""
BELIEFS = ((0.9, 0.2), (0.0, 1.0), (0.7, 0.3))
"""Ceiling, gap and rate as they usually are, each with how far it usually is from that."""
BOUNDS = ((0.0, 0.0, 0.1), (1.0, 1.0, 2.0))

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """A fitted learning curve.

    Attributes:
        ceiling: F1 that no number of pages goes beyond.
        gap: distance to the ceiling at `largest` pages.
        rate: how fast the gap closes.
        largest: pages of the largest fit.
        spread: root mean square distance from it of the points' means at each number of pages.
    """

    ceiling: float
    gap: float
    rate: float
    largest: int
    spread: float

    @property
    def furthest(self) -> int:
        """Pages up to which it may be believed."""
        return math.floor(FURTHEST * self.largest)

    def f1(self, pages: float) -> float:
        """F1 after learning this many pages, 0 to 1."""
        return float(_law(np.array([self.ceiling, self.gap, self.rate]), np.array([pages / self.largest]))[0])

    def to_json(self) -> dict[str, Any]:
        return {
            "ceiling": round(self.ceiling, 4),
            "gap": round(self.gap, 4),
            "rate": round(self.rate, 4),
            "spread": round(self.spread, 4),
            "measured_to": self.largest,
            "believed_to": self.furthest,
            "f1_there": round(self.f1(self.furthest), 4),
        }


def fit_power_law(points: Sequence[CurvePoint]) -> PowerLaw | None:
    """The law behind some points; None where they are too few, too small or too far from any law."""
    if len({point.pages for point in points}) < LEAST_SIZES:
        return None
    largest = max(point.pages for point in points)
    if largest < LEAST_PAGES:
        return None
    shares = np.array([point.pages / largest for point in points])
    seen = np.array([point.f1 for point in points])
    usual, width = np.array(BELIEFS).T

    def distances(parameters: Numbers) -> Numbers:
        from_points = np.sqrt(shares) * (_law(parameters, shares) - seen) / NOISE
        found: Numbers = np.concatenate([from_points, (parameters - usual) / width])
        return found

    start = (0.9, min(0.9, max(0.05, 0.9 - float(seen[shares == 1].mean()))), 0.7)
    ceiling, gap, rate = least_squares(distances, start, bounds=BOUNDS).x
    sizes = np.unique(shares)
    means = np.array([seen[shares == size].mean() for size in sizes])
    misses = _law(np.array([ceiling, gap, rate]), sizes) - means
    spread = float(np.sqrt(np.average(misses**2, weights=sizes)))
    return PowerLaw(float(ceiling), float(gap), float(rate), largest, spread) if spread <= MOST_SPREAD else None


def _law(parameters: Numbers, shares: Numbers) -> Numbers:
    """(N,) F1 at shares (N,) of the largest number of pages."""
    ceiling, gap, rate = parameters
    found: Numbers = np.clip(ceiling - gap * shares**-rate, 0.0, 1.0)
    return found

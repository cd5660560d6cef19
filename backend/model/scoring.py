"""What the score of a region means: the share of regions with such a score that are right.

A model is surer than it should be, most of all with few pages. Its raw scores are mapped by J. Platt's method
("Probabilistic Outputs for Support Vector Machines", 1999) to the share of regions that were right on pages it had not
learnt: a temperature and a shift of the log-odds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

MARGIN = 1e-4
"""Scores are kept this far from 0 and 1, where log-odds have no end."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """From raw scores to trusted ones, and how low a trusted one may be; as made, it changes nothing.

    Attributes:
        slope, shift: of the log-odds.
        thresholds: by label the least trusted score with which a region is proposed; none for a label without one.
    """

    slope: float = 1.0
    shift: float = 0.0
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def trusted(self, raw: float) -> float:
        """The share of regions with this raw score, 0 to 1, that are right."""
        return 1 / (1 + math.exp(-(self.slope * log_odds(raw) + self.shift)))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def log_odds(share: float) -> float:
    """The logarithm of the odds of a share from 0 to 1."""
    kept = min(max(share, MARGIN), 1 - MARGIN)
    return math.log(kept / (1 - kept))


def scoring_from(content: Mapping[str, Any]) -> Scoring:
    """The scoring that `to_json` gave.

    Raises:
        KeyError, TypeError, ValueError: the content is none.
    """
    thresholds = {str(label): float(least) for label, least in content["thresholds"].items()}
    return Scoring(float(content["slope"]), float(content["shift"]), thresholds)

"""What a soak is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NONE, STARTER = "none", "starter"
BASES = (NONE, STARTER)
"""Base models that a soak uses, one part of it each: without a deep learner, and with one that is fitted quickly."""
STEPS = 20
"""Optimizer steps of a deep fit: many runs are to be met, not good ones."""

SETTINGS = {
    "TRAIN_MAX_STEPS": str(STEPS),
    "TRAIN_QUIET_S": "1",
    "TRAIN_LONGEST_DELAY_S": "30",
    "RECONCILE_S": "20",
    "KEEP_VERSIONS": "10",
}
"""What differs from the defaults: everything comes sooner, so that more of it is met."""


@dataclass(frozen=True, slots=True)
class Options:
    """How long, and what happens.

    Attributes:
        seconds: of load; longer where the kills take longer.
        kills: spread over them.
        seed: of the kills, the pages and the load.
        bases: base models, one after the other for an equal share of the kills.
        annotate_every_s: pause between two saved annotations.
        data_dir: a new folder that is kept, with the log of the product; None for one that is removed.
    """

    seconds: float
    kills: int
    seed: int = 1
    bases: tuple[str, ...] = BASES
    annotate_every_s: float = 4.0
    data_dir: Path | None = None

    def settings(self, base: str, studio_url: str) -> Mapping[str, str]:
        """The product's settings while a base model is used."""
        at_studio = {"LABEL_STUDIO_URL": studio_url, "LABEL_STUDIO_API_KEY": "0" * 40}
        return SETTINGS | at_studio | {"BASE_MODEL": base}

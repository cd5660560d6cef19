"""Noticing within a few steps that a training run goes nowhere."""

from __future__ import annotations

import math
from collections import deque

from backend.errors import TrainingRefused

WATCHED_STEPS = 5
"""Steps whose mean loss is looked at: a single page may surprise a model that learns well."""
LARGEST_LOSS = 3.0
"""Mean loss, in losses of a model that guesses, from which on a run has exploded. Runs that learn stay below 1.1; the
starter's at a hundred times its rates is above 3 from the seventh step on."""
HINT = "the live version stays; look for pages with unusual images or boxes, or set another BASE_MODEL"


class LossWatch:
    """Looks at the loss of each step.

    A gradient that is no number makes every weight one (clipping divides all by the norm), so the next loss tells.
    """

    def __init__(self, classes: int) -> None:
        self.guessing = math.log(classes)
        self.recent: deque[float] = deque(maxlen=WATCHED_STEPS)

    def see(self, step: int, loss: float) -> None:
        """Note the loss of a step, counted from 1.

        Raises:
            TrainingRefused: `diverged`.
        """
        if not math.isfinite(loss):
            raise diverged(f"the loss is {loss} at step {step}")
        self.recent.append(loss)
        mean = sum(self.recent) / len(self.recent)
        if len(self.recent) == WATCHED_STEPS and mean > LARGEST_LOSS * self.guessing:
            raise diverged(f"the loss is {mean:.3g} at step {step}, guessing gives {self.guessing:.3g}")


def diverged(what: str) -> TrainingRefused:
    """The refusal of a run, with what was seen."""
    return TrainingRefused("diverged", f"the training run diverged: {what}", HINT)

"""The recipe of a run: how many steps, at which rates.

Counted in optimizer steps, not epochs: with five pages an epoch is nothing, with five hundred it is a lot. The rates
and counts are those measured for the starter on forms and receipts (docs/TRAINING.md); a pre-trained LayoutLMv3
takes the lower rates that are usual for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

SLOWER = 0.25
"""Share of its rates at which a run that diverged is tried once more."""


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """Settings of one fit, checked when made.

    Attributes:
        steps: optimizer steps.
        batch_size: windows computed at once.
        accumulation: times that is done in one step, which learns from all of them.
        checkpointing: compute the layers again in the backward pass instead of remembering them.
        body_rate: learning rate of the pre-trained layers.
        head_rate: learning rate of the new head and, for the starter, of its layout tables.
        freeze_words: leave the word embeddings as they are.
        warm_up: share of the steps in which the rates rise.
        floor: share of the rates that is left at the end of their linear fall.
        jitter_scale: pages are stretched by up to this share, each axis by itself.
        jitter_shift: pages are moved by up to this many thousandths.
        evaluations: how often the held-out pages are looked at in a run.
        patience: evaluations without a gain after which the run stops.
    """

    steps: int
    batch_size: int = 2
    accumulation: int = 1
    checkpointing: bool = False
    body_rate: float = 5e-5
    head_rate: float = 5e-4
    freeze_words: bool = False
    warm_up: float = 0.1
    floor: float = 0.02
    weight_decay: float = 0.01
    label_smoothing: float = 0.05
    largest_gradient: float = 1.0
    jitter_scale: float = 0.1
    jitter_shift: int = 50
    evaluations: int = 6
    patience: int = 3
    seed: int = 20240229

    def __post_init__(self) -> None:
        if min(self.steps, self.batch_size, self.accumulation) < 1:
            raise ValueError(f"a run needs at least one step of one window: {self.steps} x {self.batch_size}")
        if not 0 <= self.warm_up < 1 or not 0 <= self.floor <= 1:
            raise ValueError(f"warm_up and floor are shares: {self.warm_up}, {self.floor}")

    @property
    def evaluate_every(self) -> int:
        """Steps between two looks at the held-out pages."""
        return max(1, self.steps // self.evaluations)

    def slower(self) -> TrainPlan:
        """The same recipe for another try after this one diverged."""
        return replace(self, body_rate=self.body_rate * SLOWER, head_rate=self.head_rate * SLOWER)

    def thriftier(self) -> TrainPlan | None:
        """The same recipe in less memory and more time; None where nothing is left to save."""
        if self.batch_size > 1:
            smaller = self.batch_size // 2 if self.batch_size % 2 == 0 else 1
            return replace(self, batch_size=smaller, accumulation=self.accumulation * self.batch_size // smaller)
        return None if self.checkpointing else replace(self, checkpointing=True)


def plan_for(pages: int, *, starter: bool, most_steps: int = 0) -> TrainPlan:
    """The recipe for this many pages to learn from; `most_steps` caps it, 0 does not."""
    few, many = min(pages, 50), max(0, pages - 50)
    steps = max(100 + 10 * min(few, 10), 10 * few) + 2 * many
    if most_steps:
        steps = min(steps, most_steps)
    if starter:
        return TrainPlan(steps=steps, body_rate=2e-4, head_rate=1e-3, freeze_words=True)
    return TrainPlan(steps=steps)

"""A fit of a tiny model to one page, as short as it can be, with everything that a checkpoint has to bring back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import torch
from transformers import PreTrainedModel

from backend.document.label_set import LabelSet
from backend.model.folders import load_base
from backend.training import checkpoints
from backend.training.examples import page_examples
from backend.training.fit import fit
from backend.training.plan import TrainPlan
from tests.pages_of_words import page_of_rows

LABELS = LabelSet(("question", "answer"))
PAGES = [
    page_of_rows(["Name:", "", "Ann", "Lee"], ["Date:", "", "12.03.2024"], ["Thank", "you"]),
    page_of_rows(["Total", "", "12.50"], ["Name:", "", "Bob", "Ray"], ["Good", "bye"]),
    page_of_rows(["City:", "", "Rome", "Nord"], ["Sum:", "", "99"], ["The", "end"]),
]
TAGS = [[1, 3, 4, 1, 3, 0, 0], [1, 3, 1, 3, 4, 0, 0], [1, 3, 4, 1, 3, 0, 0]]
STEPS = 9
PLAN = TrainPlan(steps=STEPS, body_rate=3e-3, head_rate=3e-3, evaluations=3)


@dataclass
class Fit:
    """A fit in a folder of its own, as often as it takes to come to its end.

    Attributes:
        steps: the optimizer steps that were done, in order.
    """

    base: Path
    workdir: Path
    plan: TrainPlan = PLAN
    judged: bool = True
    every_s: float = 0.0
    steps: list[int] = field(default_factory=list)

    def run(
        self, stop_after: int | None = None, meanwhile: Callable[[], None] = lambda: None
    ) -> Mapping[str, torch.Tensor]:
        """The fitted weights.

        Args:
            stop_after: the step behind which the process is to end.
        """
        torch.manual_seed(0)
        model, encoder = load_base(self.base, LABELS)
        examples = [one for page, tags in zip(PAGES, TAGS, strict=True) for one in page_examples(page, tags, encoder)]
        with mock.patch.object(checkpoints, "LARGEST_SHARE", 1e9):  # one behind each step, whatever it costs
            fitted: PreTrainedModel = fit(
                model,
                encoder,
                examples,
                examples[:1] if self.judged else [],
                plan=self.plan,
                device=torch.device("cpu"),
                workdir=self.workdir,
                progress=self._progress,
                meanwhile=meanwhile,
                checkpoint_every_s=self.every_s,
                stop_asked=lambda: stop_after is not None and self.steps[-1] >= stop_after,
            )
        return dict(fitted.state_dict())

    def _progress(self, step: int, steps: int, loss: float | None) -> None:
        if loss is None:
            self.steps.append(step)

    def checkpoints(self) -> list[Path]:
        """By their steps."""
        return sorted(self.workdir.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))


def same_weights(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    """Whether two fits came to the same."""
    return one.keys() == other.keys() and all(
        torch.allclose(one[name].float(), other[name].float(), atol=1e-6) for name in one
    )

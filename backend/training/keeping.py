"""What is kept of a fit while it goes on: the best weights so far, and checkpoints to go on from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from safetensors.torch import save_model
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from backend.errors import TrainingStopped
from backend.training.checkpoints import Checkpoints
from backend.versions.space import full_disk_named

JUDGED_BY = "eval_f1"


class BestKeeper(TrainerCallback):  # type: ignore[misc] # transformers is not followed by mypy
    """Writes the weights down whenever they do better on the held-out pages than all before."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self.checkpoints = checkpoints

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: Any = None,
        model: Any = None,
        **kwargs: Any,
    ) -> None:
        if state.best_metric is not None and metrics[JUDGED_BY] <= state.best_metric:
            return
        best = self.checkpoints.best
        aside = best.with_name(f".{best.name}")
        with full_disk_named(self.checkpoints.folder):
            save_model(model, str(aside))
        aside.replace(best)  # under a new name on the disk: checkpoints link the one before


class CheckpointKeeper(TrainerCallback):  # type: ignore[misc]
    """Has checkpoints written when they are due, and ends the fit behind one when the process is to end.

    Args:
        stop_asked: whether it is.
    """

    def __init__(self, checkpoints: Checkpoints, stop_asked: Callable[[], bool]) -> None:
        self.checkpoints = checkpoints
        self.stop_asked = stop_asked

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.global_step >= state.max_steps:
            return  # all is learnt
        if self.stop_asked() and not self.checkpoints.has_room():
            raise TrainingStopped
        control.should_save = self.stop_asked() or self.checkpoints.due()

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if self.stop_asked():
            raise TrainingStopped

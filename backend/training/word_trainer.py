"""The Hugging Face Trainer, made for words: what it is fed, what it tells and when it gives up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from transformers import EvalPrediction, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from backend.encoding.tokens import IGNORED
from backend.training.checkpoints import Checkpoint, Checkpoints
from backend.training.divergence import LossWatch
from backend.training.examples import Collator

Progress = Callable[[int, int, float | None], None]
"""Told (step, steps, None) after each step, and every so many steps with the mean loss of those."""


class WordTrainer(Trainer):  # type: ignore[misc] # transformers is not followed by mypy
    """A Trainer that jitters what it learns from and not what it is judged on, and that ends when it diverges."""

    def __init__(self, *, plain_collator: Collator, checkpoints: Checkpoints, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plain_collator = plain_collator
        self.checkpoints = checkpoints
        self.data_collator: Collator
        self.windows = 0  # learnt so far
        self.watch = LossWatch(self.model.config.num_labels)
        self.parts: list[torch.Tensor] = []  # of the loss of the step that is being computed

    def train_from(self, checkpoint: Checkpoint | None) -> None:
        """Train to the end, from a checkpoint on where there is one."""
        if checkpoint is not None:
            self.windows = self.data_collator.windows = checkpoint.windows
        self.train(resume_from_checkpoint=str(checkpoint.folder) if checkpoint else None)

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        with self.checkpoints.writing(self.state.global_step, lambda: self.windows):
            super()._save_checkpoint(*args, **kwargs)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        learning, self.data_collator = self.data_collator, self.plain_collator
        try:
            return super().get_eval_dataloader(eval_dataset)
        finally:
            self.data_collator = learning

    def training_step(self, model: Any, inputs: dict[str, torch.Tensor], *args: Any, **kwargs: Any) -> torch.Tensor:
        self.windows += len(inputs["labels"])
        # The Trainer itself goes on with weights that are no numbers, and hides such a loss behind the mean of others.
        loss: torch.Tensor = super().training_step(model, inputs, *args, **kwargs)
        self.parts.append(loss)
        if len(self.parts) == self.current_gradient_accumulation_steps:
            self.watch.see(self.state.global_step + 1, torch.stack(self.parts).sum().item())
            self.parts.clear()
        return loss


class Reporter(TrainerCallback):  # type: ignore[misc]
    """Hands the Trainer's progress on."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **kwargs: Any
    ) -> None:
        if logs and "loss" in logs:
            self.progress(state.global_step, state.max_steps, logs["loss"])

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.progress(state.global_step, state.max_steps, None)  # a run that tells nothing for long counts as stalled


class Meanwhile(TrainerCallback):  # type: ignore[misc]
    """Lets other work be done between two steps."""

    def __init__(self, work: Callable[[], None]) -> None:
        self.work = work

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        with torch.random.fork_rng():
            self.work()


def word_metrics(prediction: EvalPrediction) -> dict[str, float]:
    """F1 of the words' tags, outside not counted; both arrays are (N, L), padded with IGNORED."""
    guessed, truth = np.asarray(prediction.predictions), np.asarray(prediction.label_ids)
    counted = truth != IGNORED
    guessed, truth = guessed[counted], truth[counted]
    right = int(((guessed == truth) & (truth > 0)).sum())
    total = int((guessed > 0).sum() + (truth > 0).sum())
    return {"f1": 2 * right / total if total else 0.0}

"""Fine-tuning with the Hugging Face Trainer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model
from transformers import EarlyStoppingCallback, PreTrainedModel, PrinterCallback, TrainingArguments, set_seed

from backend.encoding.tokens import Encoder
from backend.model.device import bf16_pays, use_free_cores
from backend.training.checkpoints import EVERY_S, Checkpoints
from backend.training.divergence import diverged
from backend.training.examples import Collator, Example, ExampleSet
from backend.training.keeping import JUDGED_BY, BestKeeper, CheckpointKeeper
from backend.training.plan import TrainPlan
from backend.training.run_reports import RunReports
from backend.training.word_trainer import Meanwhile, Progress, Reporter, WordTrainer, word_metrics

LOG = logging.getLogger(__name__)

NO_REPORTS = RunReports()

FIXED_TABLES = ("rel_pos_bias", "rel_pos_x_bias", "rel_pos_y_bias")
FAST_TABLES = ("x_position", "y_position", "h_position", "w_position", "token_type")


def fit(
    model: PreTrainedModel,
    encoder: Encoder,
    examples: Sequence[Example],
    held_out: Sequence[Example],
    *,
    plan: TrainPlan,
    device: torch.device,
    workdir: Path,
    progress: Progress,
    meanwhile: Callable[[], None] = lambda: None,
    checkpoint_every_s: float = EVERY_S,
    stop_asked: Callable[[], bool] = lambda: False,
    reports: RunReports = NO_REPORTS,
) -> PreTrainedModel:
    """The fitted model: the best on the held-out examples, or the last one when there are none.

    Args:
        workdir: of this very fit, by whatever process: it goes on from the last whole checkpoint there, and writes its
            own. The caller removes it.
        meanwhile: called after each optimizer step; the random numbers it draws are not missed here.
        checkpoint_every_s: shortest time between two checkpoints.
        stop_asked: whether the process is to end, asked after each optimizer step.
        reports: who else is told how it goes.

    Raises:
        TrainingRefused: `diverged`: the loss exploded, or it or a weight is no number any more.
        TrainingStopped: as was asked; a checkpoint was written before, if there was room.
        ServiceError: `disk_full`.
    """
    set_seed(plan.seed)
    use_free_cores()
    model.to(device)
    model_bytes = sum(parameter.nbytes for parameter in model.parameters())
    checkpoints = Checkpoints(workdir, model_bytes, checkpoint_every_s)
    optimizer = torch.optim.AdamW(_parameter_groups(model, plan), betas=(0.9, 0.98), fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_share(step, plan))
    judged = {
        "eval_strategy": "steps",
        "eval_steps": plan.evaluate_every,
        "metric_for_best_model": JUDGED_BY,
        "greater_is_better": True,
    }
    trainer = WordTrainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(workdir),
            max_steps=plan.steps,
            per_device_train_batch_size=plan.batch_size,
            per_device_eval_batch_size=plan.batch_size,
            gradient_accumulation_steps=plan.accumulation,
            activation_checkpointing=plan.checkpointing and model.supports_gradient_checkpointing,
            max_grad_norm=plan.largest_gradient,
            label_smoothing_factor=plan.label_smoothing,
            bf16=bf16_pays(device),
            use_cpu=device.type == "cpu",
            logging_steps=max(1, plan.steps // 20),
            save_strategy="no",  # but when `CheckpointKeeper` says so
            restore_callback_states_from_checkpoint=True,  # how often nothing was gained
            remove_unused_columns=False,
            dataloader_pin_memory=device.type == "cuda",
            disable_tqdm=True,
            report_to=[],  # `reports` tells them, and survives them
            run_name=reports.name or None,
            seed=plan.seed,
            **(judged if held_out else {"eval_strategy": "no"}),
        ),
        train_dataset=ExampleSet(examples),
        eval_dataset=ExampleSet(held_out),
        data_collator=Collator(
            encoder.spec.pad_id, jitter_scale=plan.jitter_scale, jitter_shift=plan.jitter_shift, seed=plan.seed
        ),
        plain_collator=Collator(encoder.spec.pad_id),
        checkpoints=checkpoints,
        compute_metrics=word_metrics,
        preprocess_logits_for_metrics=lambda logits, labels: logits.argmax(dim=-1),
        optimizers=(optimizer, schedule),
        callbacks=[
            Reporter(progress),
            Meanwhile(meanwhile),
            CheckpointKeeper(checkpoints, stop_asked),
            *reports.callbacks(workdir.name),
            *([BestKeeper(checkpoints), EarlyStoppingCallback(plan.patience)] if held_out else []),
        ],
    )
    trainer.remove_callback(PrinterCallback)
    resumed = checkpoints.newest()
    if resumed is not None:
        LOG.info("fitting goes on from a checkpoint", extra={"step": resumed.step, "steps": plan.steps})
    trainer.train_from(resumed)
    if held_out:
        load_model(model, str(checkpoints.best), device=str(device))
    if not all(torch.isfinite(tensor).all() for tensor in model.parameters()):
        raise diverged("its last step left weights that are no numbers")
    return model


def rate_share(step: int, plan: TrainPlan) -> float:
    """Share of the full learning rate at a step: linear up to 1, then linear down to the floor."""
    warm_up = max(1, round(plan.steps * plan.warm_up))
    if step < warm_up:
        return (step + 1) / warm_up
    done = (step - warm_up) / max(1, plan.steps - warm_up)
    return max(plan.floor, 1 - (1 - plan.floor) * done)


def _parameter_groups(model: PreTrainedModel, plan: TrainPlan) -> list[dict[str, Any]]:
    """Body with weight decay, head and layout tables faster and without; what is fixed gets no gradient."""
    body, fast = [], []
    for name, parameter in model.named_parameters():
        if any(table in name for table in FIXED_TABLES) or (plan.freeze_words and "word_embeddings" in name):
            parameter.requires_grad = False
        elif name.startswith("classifier") or (plan.freeze_words and any(table in name for table in FAST_TABLES)):
            fast.append(parameter)
        else:
            body.append(parameter)
    return [
        {"params": body, "lr": plan.body_rate, "weight_decay": plan.weight_decay},
        {"params": fast, "lr": plan.head_rate, "weight_decay": 0.0},
    ]

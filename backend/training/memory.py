"""Whether a fit goes into the memory that there is, before it begins."""

from __future__ import annotations

from pathlib import Path

import psutil
import torch
from transformers import AutoConfig

from backend.encoding.batch import PICTURE_TOKENS
from backend.training.plan import TrainPlan

COPIES = 4
"""Of each weight: itself, its gradient and the two moments of AdamW."""
BYTES_KEPT = 96
"""For the backward pass, a token, layer and hidden unit, at most: float32 without fused attention."""
BYTES_KEPT_CHECKPOINTING = 12
LONGEST_WINDOW = 512
CGROUP = Path("/sys/fs/cgroup")


def plan_that_fits(plan: TrainPlan, base: Path, room: int) -> TrainPlan:
    """The recipe, computed as sparingly as it must be for so many bytes; what is learnt stays the same."""
    thriftier = plan.thriftier()
    if thriftier is None or bytes_needed(plan, base) <= room:
        return plan
    return plan_that_fits(thriftier, base, room)


def bytes_needed(plan: TrainPlan, base: Path) -> int:
    """Memory of a fit of the base model in a folder, windows as long as they can be."""
    config = AutoConfig.from_pretrained(base, local_files_only=True)
    weights = sum(file.stat().st_size for file in base.glob("model*.safetensors"))
    tokens = plan.batch_size * (LONGEST_WINDOW + PICTURE_TOKENS)
    kept = BYTES_KEPT_CHECKPOINTING if plan.checkpointing else BYTES_KEPT
    return COPIES * weights + tokens * int(config.num_hidden_layers * config.hidden_size) * kept


def room_for_training(device: torch.device) -> int:
    """Bytes that nobody uses, on the GPU or in this machine or container."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = int(psutil.virtual_memory().available)
    try:
        most, used = (int((CGROUP / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):
        return free  # no limit of our own
    return min(free, most - used)

"""Where the model runs, and in which number format."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext

import torch

from backend.errors import ServiceError


def choose_device(wanted: str) -> torch.device:
    """The device for `auto`, `cpu` or `cuda`.

    Raises:
        ServiceError: `cuda` is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise ServiceError(
            "no_gpu", "DEVICE=cuda, but torch finds no CUDA device", "set DEVICE=auto, or install the GPU's driver"
        )
    return torch.device("cuda" if available and wanted != "cpu" else "cpu")


def leave_a_core() -> None:
    """Let torch use all cores of this process but one.

    The web process, a training run and OCR share the machine. OpenMP's threads wait for each other by spinning: with as
    many as there are cores, any other work on one of them makes every step several times slower.
    """
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) - 1))


def bf16_pays(device: torch.device) -> bool:
    """Whether bfloat16 arithmetic is in hardware here; emulated it is slower than float32. (fp16 overflows.)"""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def mixed_precision(device: torch.device) -> AbstractContextManager[object]:
    """A context in which matrix products run in bfloat16 where that pays."""
    if bf16_pays(device):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()

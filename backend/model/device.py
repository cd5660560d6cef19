"""Where the model runs, in which number format, with how many threads, and how much fits."""

from __future__ import annotations

import copy
import time
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch
from torch import nn
from transformers import PreTrainedModel

from backend.cores import cores_left
from backend.errors import ServiceError
from backend.model.faults import CPU

CPU_TOKENS = 1024
CUDA_TOKENS = 32768
"""Most padded tokens of one batch, those of pictures among them: more are no faster, and other callers have to wait."""

BYTES_A_TOKEN = 1 << 18
"""GPU memory that a token of a batch may take at most, nearly all of it for the bias of the attention."""


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


def use_free_cores() -> None:
    """Let this thread compute on the cores that OCR leaves; torch counts threads for each thread by itself."""
    if torch.get_num_threads() != cores_left():
        torch.set_num_threads(cores_left())


@cache
def bf16_pays(device: torch.device) -> bool:
    """Whether bfloat16 is in the hardware and a matrix product is faster in it, tried once. (fp16 overflows.)"""
    if device.type == "cuda":
        in_hardware = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        in_hardware = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return in_hardware and product_seconds(device, torch.bfloat16) < product_seconds(device, torch.float32)


def product_seconds(device: torch.device, number_format: torch.dtype) -> float:
    """Seconds of a matrix product as the model has them, the best of a few."""
    tokens = torch.ones(128, 768, device=device, dtype=number_format)
    weights = torch.ones(768, 3072, device=device, dtype=number_format)
    took = []
    for _ in range(5):
        started = time.perf_counter()
        (tokens @ weights)[0, 0].item()  # waits for the device
        took.append(time.perf_counter() - started)
    return min(took)


def mixed_precision(device: torch.device) -> AbstractContextManager[object]:
    """A context in which matrix products run in bfloat16 where that pays."""
    if bf16_pays(device):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def copy_on_cpu(model: PreTrainedModel) -> PreTrainedModel:
    """A copy of a model in the machine's memory; takes none of the GPU's."""
    moved: dict[int, object] = {id(weights): nn.Parameter(weights.detach().cpu()) for weights in model.parameters()}
    moved |= {id(values): values.detach().cpu() for values in model.buffers()}
    copied: PreTrainedModel = copy.deepcopy(model, moved)  # takes what was moved in place of what it would copy
    return copied if bf16_pays(CPU) else copied.float()


def most_tokens(device: torch.device) -> int:
    """Padded tokens that one batch may have now; on a GPU as many as the memory has room for that others leave."""
    if device.type != "cuda":
        return CPU_TOKENS
    free, _ = torch.cuda.mem_get_info(device)
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # torch's own, ready to be used
    return min(CUDA_TOKENS, (free + unused) // BYTES_A_TOKEN)

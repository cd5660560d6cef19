"""What torch raises when memory is short or a GPU fails, told apart, and which GPUs have failed in this process."""

from __future__ import annotations

import logging

import torch

LOG = logging.getLogger(__name__)

CPU = torch.device("cpu")

# torch has classes for few of these.
_MEMORY_IS_SHORT = (
    *("can't allocate memory", "out of memory", "std::bad_alloc", "STATUS_ALLOC_FAILED"),
    *("could not create a primitive", "could not create a memory"),  # oneDNN, which computes on the CPU
)
_GPU_FAILED = ("CUDA error", "CUDA driver", "cuDNN error", "cudaError", "No CUDA GPUs are available")

_failed: set[torch.device] = set()


def is_memory_short(error: BaseException) -> bool:
    """Whether memory, of a GPU or of the machine, was not enough."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _MEMORY_IS_SHORT)


def is_gpu_failure(error: BaseException) -> bool:
    """Whether a GPU has disappeared, or its driver or a program on it has failed."""
    if is_memory_short(error):
        return False
    if isinstance(error, torch.AcceleratorError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _GPU_FAILED)


def give_up(device: torch.device, error: BaseException) -> None:
    """Use a GPU no more in this process: after a failure every call of its driver fails until a new process begins."""
    if device not in _failed:
        _failed.add(device)
        LOG.error(
            "the GPU failed, the CPU goes on in its place; start the backend again once the GPU works",
            extra={"code": "gpu_error", "device": str(device), "cause": str(error).partition("\n")[0][:200]},
        )


def working(device: torch.device) -> torch.device:
    """This device; the CPU in place of one that has failed."""
    return CPU if device in _failed else device


def device_name(device: torch.device) -> str:
    """A device as `/health` names it."""
    return "cpu (gpu error)" if device in _failed else str(device)

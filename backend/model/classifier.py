"""Words of pages to a distribution over tags, by a token classification model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.encoding.batch import Batch, pad_windows
from backend.encoding.tokens import Encoder, Window
from backend.encoding.windows import edge_weights
from backend.errors import OutOfMemory, ServiceError
from backend.model.device import copy_on_cpu, mixed_precision, most_tokens, use_free_cores
from backend.model.faults import CPU, give_up, is_gpu_failure, is_memory_short, working
from backend.model.turns import turns_of

LOG = logging.getLogger(__name__)

Probabilities = NDArray[np.float32]

OutputShares = NDArray[np.float32]
"""(M, C) what of the probability of each of a model's outputs counts for each tag; each row sums to 1."""


class WordClassifier:
    """A model with the encoder and the labels it was trained with; callers in several threads share its batches.

    Where the GPU's memory is not enough for a single window, the CPU computes the batch. Where the GPU fails, the model
    goes on on the CPU.

    Args:
        load_anew: gives the same model on the CPU from its files, for when a GPU has failed with the one in use.
        shares: of a model that was trained elsewhere; None where the outputs are the tags.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        encoder: Encoder,
        label_set: LabelSet,
        device: torch.device,
        load_anew: Callable[[], PreTrainedModel] | None = None,
        shares: OutputShares | None = None,
    ) -> None:
        self.model = model.to(device).eval()
        self.encoder = encoder
        self.label_set = label_set
        self.device = device
        self.shares = shares
        self._load_anew = load_anew

    @property
    def bytes(self) -> int:
        """Memory of the weights."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.model.parameters())

    def probabilities(self, pages: Sequence[Page]) -> list[Probabilities]:
        """For each page (W, C): each word's distribution over the tags of the label set.

        Raises:
            OutOfMemory: for a single window, on the CPU too.
            ServiceError: `gpu_error`: the GPU has failed, and the model cannot be had without it.
        """
        windows: list[Window] = []
        owners: list[int] = []
        for at, page in enumerate(pages):
            found = self.encoder.encode(page)
            windows += found
            owners += [at] * len(found)
        of_windows = turns_of(self.device).compute(self, windows)

        totals = [np.zeros((len(page.words), self.label_set.tag_count), np.float32) for page in pages]
        for window, owner, scores in zip(windows, owners, of_windows, strict=True):
            weights = np.array(edge_weights(window.start, window.end, len(pages[owner].words)), np.float32)
            totals[owner][window.start : window.end] += weights[:, None] * scores
        return [total / total.sum(axis=1, keepdims=True) for total in totals]

    def most_tokens(self) -> int:
        """Padded tokens that a batch may have now."""
        try:
            return most_tokens(working(self.device))
        except RuntimeError as error:
            if not is_gpu_failure(error):
                raise
            give_up(self.device, error)
            return most_tokens(CPU)

    def compute(self, windows: Sequence[Window]) -> list[Probabilities]:
        """For each window of a batch (its words, C).

        Raises:
            OutOfMemory, ServiceError: as `probabilities`.
        """
        found = self._on_gpu(windows) if self.device != CPU else None
        return in_halves(partial(self._compute, self._model_on_cpu(), CPU), windows) if found is None else found

    def _on_gpu(self, windows: Sequence[Window]) -> list[Probabilities] | None:
        """None where the GPU's memory is not enough for a single window, or the GPU has failed."""
        if working(self.device) != self.device:
            return None
        try:
            return in_halves(partial(self._compute, self.model, self.device), windows)
        except OutOfMemory:
            LOG.warning("the GPU's memory is not enough, the CPU computes", extra={"code": "gpu_out_of_memory"})
        except RuntimeError as error:
            if not is_gpu_failure(error):
                raise
            give_up(self.device, error)
        return None

    def _model_on_cpu(self) -> PreTrainedModel:
        """A copy while the GPU is short of memory; the model itself from the moment on when the GPU has failed."""
        if self.device == CPU:
            return self.model
        if working(self.device) == self.device:
            return copy_on_cpu(self.model)
        if self._load_anew is None:
            raise ServiceError("gpu_error", "the GPU has failed", "start the backend again; with DEVICE=cpu without it")
        self.model = self._load_anew().eval()
        self.device = CPU
        return self.model

    def _compute(self, model: PreTrainedModel, device: torch.device, windows: Sequence[Window]) -> list[Probabilities]:
        use_free_cores()
        batch = pad_windows(windows, self.encoder.spec.pad_id)
        with torch.inference_mode(), mixed_precision(device):
            logits = model(**model_inputs(batch, device)).logits  # (B, L, C)
            scores = logits.float().softmax(dim=-1).cpu().numpy()
        if self.shares is not None:
            scores = scores @ self.shares  # (B, L, C)
        return [scores[row, window.first_tokens] for row, window in enumerate(windows)]


def in_halves(
    compute: Callable[[Sequence[Window]], list[Probabilities]], windows: Sequence[Window]
) -> list[Probabilities]:
    """What `compute` gives for windows: for all of them, or for one half after the other where memory is short.

    Raises:
        OutOfMemory: for a single window.
    """
    try:
        return compute(windows)
    except (RuntimeError, MemoryError) as error:
        if not is_memory_short(error):
            raise
    # Outside of the handler, which would keep the tensors of the attempt in memory.
    torch.cuda.empty_cache()
    if len(windows) == 1:
        raise OutOfMemory
    half = len(windows) // 2
    return in_halves(compute, windows[:half]) + in_halves(compute, windows[half:])


def model_inputs(batch: Batch, device: torch.device) -> dict[str, torch.Tensor]:
    """A batch as the keyword arguments of a transformers model; pictures scaled to -1 .. 1."""
    inputs = {
        "input_ids": torch.from_numpy(batch.input_ids),
        "bbox": torch.from_numpy(batch.bbox),
        "token_type_ids": torch.from_numpy(batch.token_types),
        "attention_mask": torch.from_numpy(batch.attention_mask),
    }
    if batch.pictures is not None:
        # mean and deviation 0.5, as LayoutLMv3ImageProcessor has them
        inputs["pixel_values"] = torch.from_numpy(batch.pictures).float().div(127.5).sub(1.0)  # (B, 3, 224, 224)
    if device.type == "cuda":
        inputs = {name: tensor.pin_memory() for name, tensor in inputs.items()}  # else the copy waits for the GPU
    return {name: tensor.to(device, non_blocking=True) for name, tensor in inputs.items()}

"""Words of pages to a distribution over tags, by a token classification model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.encoding.batch import Batch, pad_windows
from backend.encoding.tokens import Encoder, Window
from backend.encoding.windows import edge_weights
from backend.errors import ServiceError
from backend.model.device import mixed_precision, most_tokens, use_free_cores
from backend.model.turns import turns_of

Probabilities = NDArray[np.float32]


class WordClassifier:
    """A model with the encoder and the labels it was trained with; callers in several threads share its batches."""

    def __init__(self, model: PreTrainedModel, encoder: Encoder, label_set: LabelSet, device: torch.device) -> None:
        self.model = model.to(device).eval()
        self.encoder = encoder
        self.label_set = label_set
        self.device = device

    @property
    def bytes(self) -> int:
        """Memory of the weights."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.model.parameters())

    def probabilities(self, pages: Sequence[Page]) -> list[Probabilities]:
        """For each page (W, C): each word's distribution over the tags of the label set.

        Raises:
            ServiceError: `out_of_memory`, for a single window.
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
        return most_tokens(self.device)

    def compute(self, windows: Sequence[Window]) -> list[Probabilities]:
        """For each window of a batch (its words, C); in halves where the device's memory is not enough for all.

        Raises:
            ServiceError: `out_of_memory`, for a single window.
        """
        try:
            return self._compute(windows)
        except torch.OutOfMemoryError as error:
            if len(windows) == 1:
                torch.cuda.empty_cache()
                raise ServiceError(
                    "out_of_memory",
                    "the memory of the GPU is not enough for a single page",
                    "another program, or a training run, has most of it: try again later, or set DEVICE=cpu",
                ) from error
        # Outside of the handler, which would keep the tensors of the attempt in memory.
        torch.cuda.empty_cache()
        half = len(windows) // 2
        return self.compute(windows[:half]) + self.compute(windows[half:])

    def _compute(self, windows: Sequence[Window]) -> list[Probabilities]:
        use_free_cores()
        batch = pad_windows(windows, self.encoder.spec.pad_id)
        with torch.inference_mode(), mixed_precision(self.device):
            logits = self.model(**model_inputs(batch, self.device)).logits  # (B, L, C)
            scores = logits.float().softmax(dim=-1).cpu().numpy()
        return [scores[row, window.first_tokens] for row, window in enumerate(windows)]


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

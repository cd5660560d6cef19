"""Words of pages to a distribution over tags, by a token classification model."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.encoding.batch import Batch, batches_by_length, pad_windows
from backend.encoding.tokens import Encoder, Window
from backend.encoding.windows import edge_weights
from backend.model.device import mixed_precision

MOST_TOKENS = {"cpu": 2048, "cuda": 32768}
"""Padded tokens of one batch: attention memory grows with their square per window, so count tokens, not pages."""

Probabilities = NDArray[np.float32]


class WordClassifier:
    """A model with the encoder and the labels it was trained with; one prediction at a time, from any thread."""

    def __init__(self, model: PreTrainedModel, encoder: Encoder, label_set: LabelSet, device: torch.device) -> None:
        self.model = model.to(device).eval()
        self.encoder = encoder
        self.label_set = label_set
        self.device = device
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """Memory of the weights."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.model.parameters())

    def probabilities(self, pages: Sequence[Page]) -> list[Probabilities]:
        """For each page (W, C): each word's distribution over the tags of the label set."""
        windows: list[Window] = []
        owners: list[int] = []
        for at, page in enumerate(pages):
            found = self.encoder.encode(page)
            windows += found
            owners += [at] * len(found)
        logits = self._window_probabilities(windows)

        totals = [np.zeros((len(page.words), self.label_set.tag_count), np.float32) for page in pages]
        for window, owner, scores in zip(windows, owners, logits, strict=True):
            weights = np.array(edge_weights(window.start, window.end, len(pages[owner].words)), np.float32)
            totals[owner][window.start : window.end] += weights[:, None] * scores
        return [total / total.sum(axis=1, keepdims=True) for total in totals]

    def _window_probabilities(self, windows: Sequence[Window]) -> list[Probabilities]:
        """For each window (its words, C), in the order of the windows."""
        found: list[Probabilities] = [np.empty((0, 0), np.float32)] * len(windows)
        for members in batches_by_length(windows, MOST_TOKENS[self.device.type]):
            batch = pad_windows([windows[at] for at in members], self.encoder.spec.pad_id)
            with self._lock, torch.inference_mode(), mixed_precision(self.device):
                logits = self.model(**model_inputs(batch, self.device)).logits  # (B, L, C)
                scores = logits.float().softmax(dim=-1).cpu().numpy()
            for row, at in enumerate(members):
                found[at] = scores[row, windows[at].first_tokens]
        return found


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
    return {name: tensor.to(device) for name, tensor in inputs.items()}

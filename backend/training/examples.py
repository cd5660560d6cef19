"""Aligned pages to what the Trainer is fed: windows with labels, batched and jittered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from backend.document.page import Page
from backend.encoding.batch import pad, pad_windows
from backend.encoding.spec import GRID
from backend.encoding.tokens import IGNORED, Encoder, Ints, Window
from backend.model.classifier import model_inputs

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Example:
    """One window with its labels (L,)."""

    window: Window
    labels: Ints


def page_examples(page: Page, tags: Sequence[int], encoder: Encoder) -> list[Example]:
    """The windows of an aligned page; none for a page without words, whose loss would be NaN."""
    return [Example(window, window.labels(tags)) for window in encoder.encode(page)]


class ExampleSet(Dataset[Example]):
    """Examples by number, as the Trainer wants them."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.examples = list(examples)

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, at: int) -> Example:
        return self.examples[at]


class Collator:
    """Examples to the tensors of one step, on the CPU; with `jitter` each window is stretched and moved a little.

    Attributes:
        windows: how many were asked for so far. It tells the jitter of the next one, so that a fit that goes on from a
            checkpoint, or in smaller batches, learns the very same.
    """

    def __init__(self, pad_id: int, *, jitter_scale: float = 0.0, jitter_shift: int = 0, seed: int = 0) -> None:
        self.pad_id = pad_id
        self.jitter_scale = jitter_scale
        self.jitter_shift = jitter_shift
        self.seed = seed
        self.windows = 0

    def __call__(self, examples: Sequence[Example]) -> dict[str, torch.Tensor]:
        batch = pad_windows([example.window for example in examples], self.pad_id)
        if self.jitter_scale or self.jitter_shift:
            for row in range(len(batch.bbox)):
                batch.bbox[row] = self._jittered(batch.bbox[row])
        longest = batch.input_ids.shape[1]
        labels = np.stack([pad(example.labels, longest, IGNORED) for example in examples])  # (B, L)
        return model_inputs(batch, CPU) | {"labels": torch.from_numpy(labels)}

    def _jittered(self, bbox: Ints) -> NDArray[np.int64]:
        """(L, 4) the boxes of a page stretched and moved as a whole; special tokens keep their empty box."""
        random = np.random.default_rng([self.seed, self.windows])
        self.windows += 1
        stretch = np.tile(random.uniform(1 - self.jitter_scale, 1 + self.jitter_scale, size=2), 2)
        shift = np.tile(random.integers(-self.jitter_shift, self.jitter_shift, size=2, endpoint=True), 2)
        moved = np.clip(np.round(bbox * stretch + shift), 0, GRID).astype(np.int64)
        return np.where(bbox.any(axis=1, keepdims=True), moved, bbox)

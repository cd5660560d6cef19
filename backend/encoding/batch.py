"""Windows padded to the longest of their batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.encoding.spec import PATCH_IMAGE_SIZE
from backend.encoding.tokens import Ints, Window

PICTURE_TOKENS = (PATCH_IMAGE_SIZE // 16) ** 2 + 1
"""Of LayoutLMv3: one for each patch of 16 x 16 pixels, and one for the whole."""


@dataclass(frozen=True, slots=True)
class Batch:
    """B windows of up to L tokens.

    Attributes:
        input_ids, token_types, attention_mask: (B, L)
        bbox: (B, L, 4)
        pictures: (B, 3, 224, 224) uint8 for visual models, else None.
    """

    input_ids: Ints
    bbox: Ints
    token_types: Ints
    attention_mask: Ints
    pictures: NDArray[np.uint8] | None


def token_count(window: Window) -> int:
    """Tokens that the model makes of a window, those of its picture among them."""
    return len(window.input_ids) + (PICTURE_TOKENS if window.picture is not None else 0)


def pad_windows(windows: Sequence[Window], pad_id: int) -> Batch:
    """One batch of the windows, in their order."""
    longest = max(len(window.input_ids) for window in windows)
    pictures = [window.picture for window in windows if window.picture is not None]
    return Batch(
        input_ids=np.stack([pad(window.input_ids, longest, pad_id) for window in windows]),
        bbox=np.stack([pad(window.bbox, longest, 0) for window in windows]),
        token_types=np.stack([pad(window.token_types, longest, 0) for window in windows]),
        attention_mask=np.stack([pad(np.ones(len(window.input_ids), np.int64), longest, 0) for window in windows]),
        pictures=np.stack(pictures) if pictures else None,
    )


def pad(array: Ints, length: int, value: int) -> Ints:
    """The array with `value` appended along its first axis up to `length`."""
    missing = [(0, length - len(array)), *[(0, 0)] * (array.ndim - 1)]
    return np.pad(array, missing, constant_values=value)

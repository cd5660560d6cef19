"""What a base model expects of its input; saved with each version, so that old versions keep their encoding."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

GRID = 1000
PATCH_IMAGE_SIZE = 224


@dataclass(frozen=True, slots=True)
class EncodingSpec:
    """How words become model input.

    Attributes:
        max_tokens: longest window, special tokens included.
        overlap_words: words that two neighbouring windows share.
        segment_boxes: give each word the box of its line segment (pre-trained LayoutLMv3 was trained so) instead of
            its own.
        segment_types: token type ids carry case and place in the segment (the starter was assembled so).
        visual: the model also takes the page's picture.
        cls_id, sep_id, pad_id: special tokens.
    """

    max_tokens: int
    segment_boxes: bool
    segment_types: bool
    visual: bool
    cls_id: int
    sep_id: int
    pad_id: int
    overlap_words: int = 60

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> EncodingSpec:
        return cls(**fields)

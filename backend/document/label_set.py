"""The labels of a project and the BIO tags that stand for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OUTSIDE = 0


@dataclass(frozen=True, slots=True)
class LabelSet:
    """Label names in a fixed order, and their tags: 0 outside, 2k+1 begins label k, 2k+2 is inside label k.

    The order is saved with the weights, so that a label added to or removed from a project never shifts the meaning
    of another. C, the number of tags, is 2 x labels + 1.

    Attributes:
        once: the labels that people draw at most once on a page, each with the share of pages that have it, 0 to 1.
            Learnt from annotations, no part of what the tags mean: sets with the same names are equal.
    """

    names: tuple[str, ...]
    once: Mapping[str, float] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"label names must differ: {self.names}")

    @property
    def tag_count(self) -> int:
        return 2 * len(self.names) + 1

    def begin(self, name: str) -> int:
        return 2 * self.names.index(name) + 1

    def inside(self, name: str) -> int:
        return 2 * self.names.index(name) + 2

    def name_of(self, tag: int) -> str | None:
        """The label of a tag, None for outside."""
        return None if tag == OUTSIDE else self.names[(tag - 1) // 2]

    def tag_names(self) -> tuple[str, ...]:
        """`O`, `B-<label>`, `I-<label>`, ... by tag number."""
        return ("O", *(f"{kind}-{name}" for name in self.names for kind in "BI"))


def is_begin(tag: int) -> bool:
    """Whether a tag begins a region."""
    return tag % 2 == 1

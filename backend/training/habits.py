"""What annotated pages tell of the labels besides their place: which of them stand on a page only once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from backend.document.label_set import LabelSet
from backend.document.region import LabelledBox

LEAST_PAGES = 3
"""Pages that must have a label before it is said that people draw it once."""


def with_habits(label_set: LabelSet, pages: Sequence[Sequence[LabelledBox]]) -> LabelSet:
    """The label set with the labels that no page has twice, each with the share of pages that have it.

    The share is that of P. Laplace's rule of succession: after five pages of five it is 6/7, as the sixth may lack it.

    Args:
        pages: the boxes that people drew on each page.
    """
    counts = [Counter(box.label for box in boxes) for boxes in pages]
    once = {}
    for name in label_set.names:
        having = sum(name in count for count in counts)
        if having >= LEAST_PAGES and all(count[name] <= 1 for count in counts):
            once[name] = (having + 1) / (len(counts) + 2)
    return replace(label_set, once=once)

"""People's boxes to the words that OCR read: which word belongs to which box."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backend.document.geometry import Corners, areas, common_areas, corners
from backend.document.label_set import OUTSIDE, LabelSet
from backend.document.page import Page
from backend.document.region import LabelledBox

LEAST_SHARE = 0.5
"""Share of a word's area that must lie in a box for the word to belong to it."""
A_TIE = 0.1
"""Shares that differ by less than this are the same: hands draw no better."""
SAMPLES = 5
"""A turned box is measured by a grid of SAMPLES x SAMPLES points of the word."""
NO_BOX = -1


def align(page: Page, boxes: Sequence[LabelledBox], label_set: LabelSet) -> list[int]:
    """(W,) the tag of each word: B for the first word of a box in reading order, I for its others, else outside.

    A word belongs to the box that holds most of its area, half or more; of boxes that hold as much of it, to the
    smallest. Boxes whose label is not in the label set, and boxes over no word, leave no trace.
    """
    begins = {name: label_set.begin(name) for name in {box.label for box in boxes} & set(label_set.names)}
    smallest_first = sorted((box for box in boxes if box.label in begins), key=lambda box: box.box.area)
    tags: list[int] = []
    begun: set[int] = set()
    for home in _homes(page, smallest_first).tolist():
        if home == NO_BOX:
            tags.append(OUTSIDE)
            continue
        begin = begins[smallest_first[home].label]
        tags.append(begin + 1 if home in begun else begin)
        begun.add(home)
    return tags


def over_no_word(page: Page, boxes: Sequence[LabelledBox]) -> int:
    """How many of the boxes hold not even half of any word."""
    words = corners(word.box for word in page.words)
    return sum(not (shares_inside(words, box) >= LEAST_SHARE).any() for box in boxes)


def _homes(page: Page, smallest_first: Sequence[LabelledBox]) -> NDArray[np.int64]:
    """(W,) the place in the sequence of the box that each word belongs to, else NO_BOX."""
    words = corners(word.box for word in page.words)
    homes = np.full(len(words), NO_BOX)
    if not smallest_first or not len(words):
        return homes
    shares = np.stack([shares_inside(words, box) for box in smallest_first])  # (boxes, W)
    as_good = (shares >= LEAST_SHARE) & (shares > shares.max(axis=0) - A_TIE)
    return np.where(as_good.any(axis=0), as_good.argmax(axis=0), NO_BOX)  # (W,)


def shares_inside(words: Corners, labelled: LabelledBox) -> NDArray[np.float64]:
    """(W,) share of each word's area (W, 4) inside the box, 0 to 1."""
    if not labelled.rotation:
        whole = areas(words)
        inside = common_areas(words, corners([labelled.box]))[:, 0]
        return np.divide(inside, whole, out=np.zeros_like(whole), where=whole > 0)
    # Turn the words' points back around the box's top left corner, as Label Studio turned the box.
    angle = -math.radians(labelled.rotation)
    cos, sin = math.cos(angle), math.sin(angle)
    places = (np.arange(SAMPLES) + 0.5) / SAMPLES
    width, height = words[:, 2] - words[:, 0], words[:, 3] - words[:, 1]
    x = (words[:, 0, None] + np.outer(width, places) - labelled.box.left)[:, None, :]  # (W, 1, SAMPLES)
    y = (words[:, 1, None] + np.outer(height, places) - labelled.box.top)[:, :, None]  # (W, SAMPLES, 1)
    turned_x, turned_y = x * cos - y * sin, x * sin + y * cos
    hits = (turned_x >= 0) & (turned_x <= labelled.box.width) & (turned_y >= 0) & (turned_y <= labelled.box.height)
    found: NDArray[np.float64] = hits.mean(axis=(1, 2))
    return found

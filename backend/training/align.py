"""People's boxes to the words that OCR read: which word belongs to which box."""

from __future__ import annotations

import math
from collections.abc import Sequence

from backend.document.geometry import Box
from backend.document.label_set import OUTSIDE, LabelSet
from backend.document.page import Page
from backend.document.region import LabelledBox

LEAST_SHARE = 0.5
"""Share of a word's area that must lie in a box for the word to belong to it."""
SAMPLES = 5
"""A turned box is measured by a grid of SAMPLES x SAMPLES points of the word."""


def align(page: Page, boxes: Sequence[LabelledBox], label_set: LabelSet) -> list[int]:
    """(W,) the tag of each word: B for the first word of a box in reading order, I for its others, else outside.

    A word belongs to the smallest of the boxes that hold half of its area or more. Boxes whose label is not in the
    label set, and boxes over no word, leave no trace.
    """
    known = [box for box in boxes if box.label in label_set.names]
    tags = []
    begun: set[int] = set()
    for word in page.words:
        holders = [at for at, box in enumerate(known) if share_inside(word.box, box) >= LEAST_SHARE]
        if not holders:
            tags.append(OUTSIDE)
            continue
        home = min(holders, key=lambda at: known[at].box.area)
        label = known[home].label
        tags.append(label_set.inside(label) if home in begun else label_set.begin(label))
        begun.add(home)
    return tags


def share_inside(word: Box, labelled: LabelledBox) -> float:
    """Share of the word's area inside the box, 0 to 1."""
    if not labelled.rotation:
        return word.intersection(labelled.box).area / word.area if word.area else 0.0
    # Turn the word's points back around the box's top left corner, as Label Studio turned the box.
    angle = -math.radians(labelled.rotation)
    cos, sin = math.cos(angle), math.sin(angle)
    hits = 0
    for row in range(SAMPLES):
        for column in range(SAMPLES):
            x = word.left + word.width * (column + 0.5) / SAMPLES - labelled.box.left
            y = word.top + word.height * (row + 0.5) / SAMPLES - labelled.box.top
            turned_x, turned_y = x * cos - y * sin, x * sin + y * cos
            hits += 0 <= turned_x <= labelled.box.width and 0 <= turned_y <= labelled.box.height
    return hits / SAMPLES**2

"""Boxes with a label: those people drew and those the model proposes."""

from __future__ import annotations

from dataclasses import dataclass

from backend.document.geometry import Box


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """A box that a person drew, in page pixels.

    Attributes:
        rotation: degrees clockwise around the top left corner, as Label Studio has it.
    """

    label: str
    box: Box
    rotation: float = 0.0


@dataclass(frozen=True, slots=True)
class Region:
    """A box that the model proposes, in page pixels.

    Attributes:
        text: the words inside, in reading order.
        score: how sure the model is, 0 to 1.
        words: indices into the page's words.
        value: what the text stands for, normalised; None where it is nothing of the kind that the project asks for.
        drawn_id: Label Studio's id of what a person drew and this region is to replace; empty for a proposed one.
    """

    label: str
    box: Box
    text: str
    score: float
    words: tuple[int, ...] = ()
    value: str | None = None
    drawn_id: str = ""

"""A page with what people marked on it, as it is handed to the writers of files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image

from backend.document.geometry import Box
from backend.document.label_set import LabelSet
from backend.document.page import Page


@dataclass(frozen=True, slots=True)
class Marked:
    """A box that somebody drew, with the words in it.

    Attributes:
        box: upright, page pixels.
        words: indices into the page's words, in reading order; never empty.
    """

    label: str
    box: Box
    words: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LabelledPage:
    """A page with its boxes.

    Attributes:
        name: of its files; the same for no other page of the project.
        index: place of the page in its task.
        marked: in reading order of their first words; no word is in two of them.
        held_out: no version of the project has learnt from it.
    """

    name: str
    task_id: int
    index: int
    image: Image.Image
    page: Page
    marked: Sequence[Marked]
    held_out: bool

    def tags(self, label_set: LabelSet) -> list[int]:
        """(W,) the tag of each word."""
        tags = [0] * len(self.page.words)
        for marked in self.marked:
            for place, word in enumerate(marked.words):
                tags[word] = label_set.inside(marked.label) if place else label_set.begin(marked.label)
        return tags


class Writer(Protocol):
    """Writes the pages of a project into a folder, one after the other."""

    def __init__(self, folder: Path, label_set: LabelSet, title: str) -> None: ...

    def add(self, page: LabelledPage) -> None: ...

    def finish(self) -> None:
        """Called once, after the last page."""

"""Annotated tasks beside what a version that did not learn them proposes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backend.document.page import Page
from backend.document.region import LabelledBox, Region
from backend.training.scores import Scores, score_pages


@dataclass(frozen=True, slots=True)
class JudgedTask:
    """One task, page by page.

    Attributes:
        boxes: for each page those that people drew.
        regions: for each page those proposed by a version that did not learn the task.
    """

    task_id: int
    pages: tuple[Page, ...]
    boxes: tuple[tuple[LabelledBox, ...], ...]
    regions: tuple[tuple[Region, ...], ...]

    @property
    def scores(self) -> Scores:
        return score_pages(zip(self.regions, self.boxes, strict=True))


def task_scores(tasks: Sequence[JudgedTask]) -> list[Scores]:
    """The scores of each task."""
    return [task.scores for task in tasks]

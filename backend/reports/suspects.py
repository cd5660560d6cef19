"""Annotations that a model which never learnt them confidently disagrees with: perhaps a slip of the hand.

How sure is sure is taken from the model itself, label by label, as in confident learning (C. Northcutt, L. Jiang,
I. Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", 2021). They take its mean score where it is
right; the lowest tenth of these scores found more planted slips among as few false alarms (docs/REPORTS.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.document.region import LabelledBox, Region
from backend.label_studio.results import box_to_percent
from backend.training.judged import JudgedTask
from backend.training.scores import pairs

LEAST_RIGHT = 5
"""Right regions of a label from which on its scores say what sure means."""
SURE_SHARE = 0.9
"""Share of the right regions of a label that have the score, or a higher one, which counts as sure."""
LEAST_SCORE = 0.5
TOUCHING = 0.2
"""Share of the smaller of two boxes that the other covers, from which on they are about the same words."""
MOST_SUSPECTS = 50


@dataclass(frozen=True, slots=True)
class Suspect:
    """A box that is doubted.

    Attributes:
        page: number of the page in its task, from 1.
        drawn: label that people gave to the place; None where they drew nothing.
        score: of the proposed region, 0 to 1.
        box: x, y, width, height of the proposed region in percent of the page.
        link: the task in Label Studio; empty where its address is not known.
    """

    task_id: int
    page: int
    drawn: str | None
    proposed: str
    score: float
    box: dict[str, float]
    link: str

    def to_json(self) -> dict[str, Any]:
        return {
            "task": self.task_id,
            "page": self.page,
            "label": self.drawn,
            "proposed": self.proposed,
            "score": round(self.score, 4),
            "box_percent": self.box,
            "link": self.link,
        }


def task_link(label_studio_url: str, project_id: int, task_id: int) -> str:
    """The address that opens a task in Label Studio; empty without an address of Label Studio."""
    url = label_studio_url.rstrip("/")
    return f"{url}/projects/{project_id}/data?task={task_id}" if url else ""


def find_suspects(*pools: Sequence[JudgedTask], link: Callable[[int], str]) -> list[Suspect]:
    """The most doubtful annotations, worst first.

    A region with another label than the box in its place is one, and a region where nobody drew anything near. Boxes
    that the model does not see at all are not: it cannot say how sure it is of nothing.

    Args:
        pools: tasks judged by one model each, whose scores mean the same.
        link: the address of a task.
    """
    found = [suspect for pool in pools for suspect in _suspects(pool, link)]
    return sorted(found, key=lambda suspect: (-suspect.score, suspect.task_id, suspect.page))[:MOST_SUSPECTS]


def _suspects(tasks: Sequence[JudgedTask], link: Callable[[int], str]) -> Iterator[Suspect]:
    sure = _sure_scores(tasks)
    for task in tasks:
        for number, (page, regions, boxes) in enumerate(zip(task.pages, task.regions, task.boxes, strict=True), 1):
            for region, drawn in _disagreements(regions, boxes):
                percent = box_to_percent(region.box, page.size)
                if region.score >= sure.get(region.label, float("inf")) and percent is not None:
                    box = {name: round(percent[name], 2) for name in ("x", "y", "width", "height")}
                    yield Suspect(task.task_id, number, drawn, region.label, region.score, box, link(task.task_id))


def _sure_scores(tasks: Sequence[JudgedTask]) -> dict[str, float]:
    """By label the score that counts as sure; no entry for a label with too few right regions."""
    right = defaultdict(list)
    for task in tasks:
        for regions, boxes in zip(task.regions, task.boxes, strict=True):
            for region, box in pairs(regions, boxes):
                if region and box and region.label == box.label:
                    right[region.label].append(region.score)
    return {
        label: max(LEAST_SCORE, float(np.quantile(scores, 1 - SURE_SHARE)))
        for label, scores in right.items()
        if len(scores) >= LEAST_RIGHT
    }


def _disagreements(regions: Sequence[Region], boxes: Sequence[LabelledBox]) -> Iterator[tuple[Region, str | None]]:
    for region, box in pairs(regions, boxes):
        if region is None:
            continue
        if box is not None:
            if box.label != region.label:
                yield region, box.label
        elif not any(_touch(region, other) for other in boxes):
            yield region, None


def _touch(region: Region, box: LabelledBox) -> bool:
    smaller = min(region.box.area, box.box.area)
    return smaller > 0 and region.box.intersection(box.box).area >= TOUCHING * smaller

"""An annotator goes through pages, and at some of them the backend is judged on pages that nobody annotates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from backend.document.region import LabelledBox, Region
from backend.reports.effort import EditCounts
from backend.training.calibrate import JudgedRegion, expected_calibration_error
from backend.training.scores import LEAST_IOU, Scores, right_regions, score_pages
from backend.versions.store import UNTRAINED
from scripts.bench.effort import AS_IT_IS_IOU, effort
from scripts.bench.pages import BenchPage
from scripts.bench.session import BenchFault, Session, Settled

Say = Callable[[str], None]
Compared = list[tuple[Sequence[Region], Sequence[LabelledBox]]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is there after some annotated pages.

    Attributes:
        pages: annotated so far.
        opened: boxes of the next pages to annotate, as they opened, by what was to be done with them; None where
            these are the last.
        opened_strict: the same where a box has to fit closely to be left alone.
        judged: the regions proposed for the pages that nobody annotates.
    """

    pages: int
    settled: Settled
    scores: Scores
    judged: list[JudgedRegion]
    opened: EditCounts | None
    opened_strict: EditCounts | None

    @property
    def ece(self) -> float:
        """Expected calibration error of the scores."""
        return expected_calibration_error(self.judged)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"scores": self.scores.to_json(), "ece": round(self.ece, 4)}


def replay(
    at_work: Session, learn: Sequence[BenchPage], judge: Sequence[BenchPage], checkpoints: Sequence[int], say: Say
) -> list[Checkpoint]:
    """The figures at each checkpoint, a number of annotated pages; they rise.

    Raises:
        BenchFault: the first checkpoint leads to no version.
    """
    found: list[Checkpoint] = []
    for first, last in pairwise((0, *checkpoints)):
        settled = at_work.learn(learn[first:last])
        if settled.version == UNTRAINED:
            raise BenchFault(f"no version after {last} pages: {settled.run}")
        judged = _compared(at_work, judge, at_work.predict(judge))
        following = learn[last : next((number for number in checkpoints if number > last), last)]
        opened = _compared(at_work, following, [at_work.open(page) or [] for page in following])
        found.append(_checkpoint(last, settled, judged, opened))
        say(_line(found[-1]))
    return found


def _compared(at_work: Session, pages: Sequence[BenchPage], proposed: Sequence[Sequence[Region]]) -> Compared:
    return [(regions, page.boxes(at_work.config)) for page, regions in zip(pages, proposed, strict=True)]


def _checkpoint(pages: int, settled: Settled, judged: Compared, opened: Compared) -> Checkpoint:
    return Checkpoint(
        pages=pages,
        settled=settled,
        scores=score_pages(judged),
        judged=[
            JudgedRegion(region.label, region.score, right)
            for regions, boxes in judged
            for region, right in zip(regions, right_regions(regions, boxes), strict=True)
        ],
        opened=_effort(opened, LEAST_IOU),
        opened_strict=_effort(opened, AS_IT_IS_IOU),
    )


def _effort(pages: Compared, least_iou: float) -> EditCounts | None:
    return sum((effort(regions, boxes, least_iou) for regions, boxes in pages), EditCounts()) if pages else None


def _line(checkpoint: Checkpoint) -> str:
    settled, opened = checkpoint.settled, checkpoint.opened
    kept = f", next pages {opened}" if opened else ""
    first = "none" if settled.first_s is None else f"{settled.first_s:.0f} s"
    last = "none" if settled.last_s is None else f"{settled.last_s:.0f} s"
    return (
        f"  {checkpoint.pages} pages: F1 {checkpoint.scores.micro.f1:.3f}{kept}; first version {first}, last {last}; "
        f"{settled.version} is live: {settled.run.get('reason')}"
    )

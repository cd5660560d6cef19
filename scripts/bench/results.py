"""What a bench has measured so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any

from backend.training.calibrate import expected_calibration_error
from backend.training.scores import Counts
from scripts.bench.entities import EntityScores
from scripts.bench.latency import Latency
from scripts.bench.replay import Checkpoint

BOTH, FAST = "both", "fast"
"""A backend with default settings, and one with the fast learner alone."""

Json = dict[str, Any]


@dataclass(slots=True)
class Results:
    """Figures by what was measured.

    Attributes:
        replays: by kind of pages and learners, for each order its checkpoints.
        latencies: by kind of pages and learners.
        words: strict entity scores by learner (`fast`, `deep`, `both`) and number of forms.
        refusals: by what was spoilt, for each time whether the live version stayed.
    """

    replays: dict[tuple[str, str], list[list[Checkpoint]]] = field(default_factory=dict)
    latencies: dict[tuple[str, str], Latency] = field(default_factory=dict)
    words: dict[tuple[str, int], EntityScores] = field(default_factory=dict)
    refusals: dict[str, list[bool]] = field(default_factory=dict)

    def at(self, kind: str, learners: str, pages: int) -> list[Checkpoint]:
        """The checkpoints of all orders after so many pages."""
        orders = self.replays.get((kind, learners), [])
        return [checkpoint for order in orders for checkpoint in order if checkpoint.pages == pages]

    def to_json(self) -> Json:
        return {
            "replays": [
                {"kind": kind, "learners": learners, "orders": [[one.to_json() for one in order] for order in orders]}
                for (kind, learners), orders in self.replays.items()
            ],
            "latencies": [
                {"kind": kind, "learners": learners, **latency.to_json()}
                for (kind, learners), latency in self.latencies.items()
            ],
            "given_words": [
                {"learner": learner, "forms": forms, "exact": _counts(scores.exact), "runs": _counts(scores.runs)}
                for (learner, forms), scores in self.words.items()
            ],
            "refusals": self.refusals,
        }


def mean_f1(checkpoints: Iterable[Checkpoint]) -> float:
    """The mean over orders: each counts the same."""
    return fmean(checkpoint.scores.micro.f1 for checkpoint in checkpoints)


def pooled_ece(checkpoints: Iterable[Checkpoint]) -> float:
    """Calibration error over the regions of all orders: those of one order are too few for ten bins."""
    return expected_calibration_error([one for checkpoint in checkpoints for one in checkpoint.judged])


def _counts(counts: Counts) -> Json:
    figures = {"precision": counts.precision, "recall": counts.recall, "f1": counts.f1}
    return {name: round(figure, 4) for name, figure in figures.items()} | asdict(counts)

"""The gate in front of the live version: the new one is promoted when it is not worse.

Both are scored on the same held-out tasks through the serving code, from OCR words, never from people's words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backend.model.tagger import PageTagger
from backend.pipelines.annotated import AnnotatedTask
from backend.pipelines.serving import predict_pages
from backend.training.scores import Scores, score_pages

LEAST_COMPARED = 2
"""Held-out tasks below which a comparison decides nothing."""


@dataclass(frozen=True, slots=True)
class Champion:
    """The live version and the tasks it was trained on."""

    tagger: PageTagger
    trained_on: frozenset[int]

    def unseen(self, tasks: Sequence[AnnotatedTask]) -> list[AnnotatedTask]:
        """The tasks that it was not trained on."""
        return [task for task in tasks if task.task_id not in self.trained_on]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a version is promoted, why, and the figures."""

    promote: bool
    reason: str
    metrics: dict[str, Any]


def judge(challenger: PageTagger, champion: Champion | None, held_out: Sequence[AnnotatedTask]) -> Verdict:
    """The verdict on a new version that was not trained on the held-out tasks.

    The live version may have been: while a project is small every page is learnt from. Pages it knows are left out of
    the comparison, because nothing new could ever win on them.
    """
    metrics: dict[str, Any] = {"held_out": score_tasks(challenger, held_out).to_json()}
    if champion is None:
        return Verdict(True, "first version of this project", metrics)
    fresh = champion.unseen(held_out)
    if len(fresh) < LEAST_COMPARED:
        return Verdict(True, f"{len(fresh)} held-out pages to compare on decide nothing", metrics)
    new, old = score_tasks(challenger, fresh).micro.f1, score_tasks(champion.tagger, fresh).micro.f1
    metrics |= {"compared_pages": len(fresh), "f1": round(new, 4), "live_f1": round(old, 4)}
    reason = f"F1 {new:.3f} against {old:.3f} of the live version on {len(fresh)} held-out pages"
    return Verdict(new >= old, reason, metrics)


def score_tasks(tagger: PageTagger, tasks: Sequence[AnnotatedTask]) -> Scores:
    """Scores of a version's regions on annotated tasks."""
    pages = [page for task in tasks for page in task.pages]
    drawn = [boxes for task in tasks for boxes in task.boxes]
    proposed = [predicted.regions for predicted in predict_pages(pages, tagger)]
    return score_pages(zip(proposed, drawn, strict=True))

"""The gate in front of the live version: a new one is served unless the pages speak against it.

Both are scored on the same held-out tasks through the serving code, from OCR words, never from people's words. A small
project has no held-out tasks: there each page is judged by a fast learner that was fitted without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from backend.model.tagger import PageTagger
from backend.pipelines.annotated import AnnotatedTask, TrainingSet
from backend.pipelines.judging import judged_tasks
from backend.training.calibrate import expected_calibration_error, judged_regions
from backend.training.compare import compare
from backend.training.judged import JudgedTask, task_scores
from backend.training.scores import Scores, total

LEAST_COMPARED = 2
"""Held-out tasks below which a comparison decides nothing."""
SURE = 0.9
"""Share of the bootstrap's resamples that must find the new version worse for it to be refused."""
LEAST_OF_BEFORE = 0.6
"""Share of the live version's F1, when it was made, below which the annotations are suspected and not the models."""
LEAST_FIT = 0.8
"""Share of the cross-validated F1 that a version must reach on the very pages it learnt."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """F1 of a version by itself, on tasks that it, or each fold's learner, had not learnt."""

    f1: float = 0.0
    tasks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Champion:
    """The live version.

    Attributes:
        trained_on: tasks that it, as it is compared, has learnt.
        when_made: how it did by itself.
    """

    tagger: PageTagger
    trained_on: frozenset[int]
    when_made: Estimate = field(default_factory=Estimate)

    def unseen(self, tasks: Sequence[AnnotatedTask]) -> list[AnnotatedTask]:
        """The tasks that it was not trained on."""
        return [task for task in tasks if task.task_id not in self.trained_on]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a version is promoted, why, the figures, and how the version does by itself."""

    promote: bool
    reason: str
    metrics: dict[str, Any]
    estimate: Estimate = field(default_factory=Estimate)


def judge(
    challenger: PageTagger, champion: Champion | None, pages: TrainingSet, cross: Sequence[JudgedTask]
) -> Verdict:
    """The verdict on a new version that was not trained on the held-out tasks.

    The live version may have been: while a project is small every page is learnt from. Pages it knows are left out of
    the comparison, because nothing new could ever win on them.

    Args:
        cross: cross-validated tasks, which speak where there are no held-out ones; may be none.
    """
    held_out = judged_tasks(challenger, pages.held_out)
    by_itself = held_out if len(held_out) >= LEAST_COMPARED else list(cross)
    estimate = Estimate(total(task_scores(by_itself)).micro.f1, tuple(task.task_id for task in by_itself))
    metrics: dict[str, Any] = {
        "held_out": total(task_scores(held_out)).to_json(),
        "calibration_error": round(expected_calibration_error(judged_regions(held_out)), 4),
    }
    if cross:
        metrics |= {"cross_validated": total(task_scores(cross)).to_json()}
    if champion is None:
        verdict = Verdict(True, "first version of this project", metrics)
    elif _contradicts(estimate, champion, challenger, pages):
        reason = (
            f"F1 {estimate.f1:.3f}, where the live version had {champion.when_made.f1:.3f} when it was made: "
            "annotations were changed so that neither version fits them; look at the newest, or promote by hand"
        )
        verdict = Verdict(False, reason, metrics)
    elif len(champion.unseen(pages.held_out)) >= LEAST_COMPARED:
        verdict = _compared(champion, held_out, pages, metrics)
    else:
        verdict = _by_itself(challenger, pages, estimate, metrics)
    return replace(verdict, estimate=estimate)


def _contradicts(estimate: Estimate, champion: Champion, challenger: PageTagger, pages: TrainingSet) -> bool:
    """Whether annotations look spoilt: those that the live version was once judged on do not fit it any more, and what
    was learnt from them as they are now is no good either. Labels that came, went or were renamed are no such sign."""
    bar = LEAST_OF_BEFORE * champion.when_made.f1
    if estimate.f1 >= bar or challenger.label_set != champion.tagger.label_set:
        return False
    same = [task for task in (*pages.learn_from, *pages.held_out) if task.task_id in champion.when_made.tasks]
    return len(same) >= LEAST_COMPARED and score_tasks(champion.tagger, same).micro.f1 < bar


def _compared(
    champion: Champion, held_out: Sequence[JudgedTask], pages: TrainingSet, metrics: dict[str, Any]
) -> Verdict:
    """The verdict by the held-out tasks that neither version has learnt."""
    fresh = champion.unseen(pages.held_out)
    fresh_ids = {task.task_id for task in fresh}
    new_scores = task_scores([task for task in held_out if task.task_id in fresh_ids])
    old_scores = task_scores(judged_tasks(champion.tagger, fresh))
    micro, macro = compare(new_scores, old_scores), compare(new_scores, old_scores, macro=True)
    now, before = total(new_scores), total(old_scores)
    metrics |= {
        "compared_pages": now.pages,
        "f1": round(now.micro.f1, 4),
        "live_f1": round(before.micro.f1, 4),
        "macro_f1": round(now.macro_f1, 4),
        "live_macro_f1": round(before.macro_f1, 4),
        "difference": {"low": round(micro.low, 4), "high": round(micro.high, 4)},
    }
    figures = (
        f"F1 {now.micro.f1:.3f} against {before.micro.f1:.3f} of the live version on {now.pages} held-out pages "
        f"(difference {micro.low:+.3f} to {micro.high:+.3f})"
    )
    if micro.chance_worse >= SURE:
        return Verdict(False, f"worse: {figures}", metrics)
    if macro.chance_worse >= SURE:
        labels = f"mean F1 of the labels {now.macro_f1:.3f} against {before.macro_f1:.3f}"
        return Verdict(False, f"worse in rare labels: {labels}; {figures}", metrics)
    return Verdict(True, figures, metrics)


def _by_itself(challenger: PageTagger, pages: TrainingSet, estimate: Estimate, metrics: dict[str, Any]) -> Verdict:
    """The verdict where there are too few pages to compare on: served unless the training plainly failed."""
    if not estimate.tasks:
        return Verdict(True, "too few pages to judge on", metrics)
    learnt = score_tasks(challenger, pages.learn_from).micro.f1
    metrics |= {"f1_on_learnt_pages": round(learnt, 4)}
    if learnt < LEAST_FIT * estimate.f1:
        reason = f"F1 {learnt:.3f} on the very pages it learnt, {estimate.f1:.3f} is reached without learning them"
        return Verdict(False, f"training failed: {reason}", metrics)
    return Verdict(True, f"F1 {estimate.f1:.3f} on {len(estimate.tasks)} pages, too few to compare versions", metrics)


def score_tasks(tagger: PageTagger, tasks: Sequence[AnnotatedTask]) -> Scores:
    """Scores of a version's regions on annotated tasks."""
    return total(task_scores(judged_tasks(tagger, tasks)))

"""Versions tried on annotated pages: by one they did not learn, or each page by a model fitted without it."""

from __future__ import annotations

from collections.abc import Sequence

from backend.document.label_set import LabelSet
from backend.model.tagger import PageTagger
from backend.pipelines.annotated import AnnotatedTask, TrainingSet
from backend.pipelines.choosing import choose_for_field
from backend.pipelines.progress import Meanwhile, nothing_meanwhile
from backend.pipelines.serving import predict_pages
from backend.training.fit_crf import fit_crf
from backend.training.judged import JudgedTask

FOLDS = 4
MOST_CROSSED = 60
"""Tasks, the newest, that are cross-validated; more would take minutes."""


def judged_tasks(tagger: PageTagger, tasks: Sequence[AnnotatedTask]) -> list[JudgedTask]:
    """What a version proposes for each task, beside what people drew."""
    predicted = iter(predict_pages([page for task in tasks for page in task.pages], tagger))
    return [
        JudgedTask(task.task_id, task.pages, task.boxes, tuple(next(predicted).proposed for _ in task.pages))
        for task in tasks
    ]


def cross_validated(
    tasks: Sequence[AnnotatedTask], label_set: LabelSet, meanwhile: Meanwhile = nothing_meanwhile
) -> list[JudgedTask]:
    """The newest tasks, each with what the fast learner proposes for it after learning others of them.

    S. Geisser, "The Predictive Sample Reuse Method", 1975. Only the fast learner is fitted several times: the deep one
    would take minutes for each fold.

    Args:
        tasks: oldest first.
        meanwhile: called before each fit.

    Returns:
        In the order of the tasks; none for fewer than two.
    """
    newest = tasks[-MOST_CROSSED:]
    folds = min(FOLDS, len(newest))
    if folds < 2:
        return []
    found: dict[int, JudgedTask] = {}
    for fold in range(folds):
        meanwhile()
        others = [task for at, task in enumerate(newest) if at % folds != fold]
        found |= {judged.task_id: judged for judged in judged_by_others(others, newest[fold::folds], label_set)}
    return [found[task.task_id] for task in newest]


def judged_by_others(
    learnt: Sequence[AnnotatedTask], judged: Sequence[AnnotatedTask], label_set: LabelSet
) -> list[JudgedTask]:
    """Some tasks with what the fast learner proposes for them after learning the others."""
    tagged = TrainingSet(label_set, learnt, ()).tagged(choose_for_field(learnt))
    return judged_tasks(PageTagger(fast=fit_crf(tagged, label_set)), judged)

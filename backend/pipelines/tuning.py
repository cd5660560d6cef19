"""What is chosen on pages that were not learnt: the shares of the two learners, and what their scores mean."""

from __future__ import annotations

from collections.abc import Sequence

from backend.model.tagger import EQUAL_SHARES, PageTagger
from backend.pipelines.annotated import TrainingSet
from backend.pipelines.gate import LEAST_COMPARED, SURE
from backend.pipelines.judging import judged_tasks
from backend.pipelines.known import KnowingTagger, KnownProbabilities
from backend.training.calibrate import fit_scoring, judged_regions
from backend.training.compare import compare
from backend.training.judged import JudgedTask, task_scores
from backend.training.scores import Scores, total

SHARES = (0.1, 0.3, EQUAL_SHARES, 0.7, 0.9)
STARTER_SHARE = 0.7
"""Of the fast learner beside the starter, a small model: best or near it with 5 to 40 receipts and with 25 forms."""


def tuned(
    tagger: PageTagger,
    pages: TrainingSet,
    cross: Sequence[JudgedTask],
    least_precision: float,
    known: KnownProbabilities,
    live: PageTagger | None = None,
) -> PageTagger:
    """The tagger with the shares and the scoring that fit the tasks it did not learn.

    Scores need more regions than a few held-out tasks have: cross-validated tasks are added, and where a run has none
    the scoring of the live version stays, whose learners are nearly the same.

    Args:
        known: what the learners made of the pages so far.
    """
    share = fast_share(tagger, pages, known)
    if live is not None and not cross:
        return PageTagger(fast=tagger.fast, deep=tagger.deep, fast_share=share, scoring=live.scoring)
    raw = PageTagger(fast=tagger.fast, deep=tagger.deep, fast_share=share)
    held_out = judged_tasks(KnowingTagger(raw, known), pages.held_out)
    judged_ids = {task.task_id for task in held_out}
    judged = [*held_out, *(task for task in cross if task.task_id not in judged_ids)]
    scoring = fit_scoring(judged_regions(judged), least_precision)
    return PageTagger(fast=tagger.fast, deep=tagger.deep, fast_share=share, scoring=scoring)


def fast_share(tagger: PageTagger, pages: TrainingSet, known: KnownProbabilities) -> float:
    """The weight of the fast learner in the mean: the usual one, unless another is plainly better on held-out tasks.

    A few pages prefer one weight or another by chance: the usual one is left only where nine in ten of the bootstrap's
    resamples agree.
    """
    tasks = pages.held_out
    # Only the starter's token types carry the segments.
    starter = tagger.deep is not None and tagger.deep.encoder.spec.segment_types
    usual = STARTER_SHARE if starter else EQUAL_SHARES
    if tagger.fast is None or tagger.deep is None or len(tasks) < LEAST_COMPARED:
        return usual

    def scores(share: float) -> list[Scores]:
        shared = PageTagger(fast=tagger.fast, deep=tagger.deep, fast_share=share)
        return task_scores(judged_tasks(KnowingTagger(shared, known), tasks))

    found = {share: scores(share) for share in SHARES}
    best = max(SHARES, key=lambda share: (total(found[share]).micro.f1, -abs(share - usual)))
    return best if compare(found[usual], found[best]).chance_worse >= SURE else usual

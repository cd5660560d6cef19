"""What is chosen on pages that were not learnt: the shares of the two learners, and what their scores mean."""

from __future__ import annotations

from collections.abc import Sequence

from backend.inference.regions import decode_regions
from backend.model.tagger import EQUAL_SHARES, PageTagger, mean
from backend.pipelines.annotated import TrainingSet
from backend.pipelines.gate import LEAST_COMPARED, SURE
from backend.pipelines.judging import judged_tasks
from backend.training.calibrate import fit_scoring, judged_regions
from backend.training.compare import compare
from backend.training.judged import JudgedTask
from backend.training.scores import Scores, score_pages, total

SHARES = (0.1, 0.3, EQUAL_SHARES, 0.7, 0.9)
STARTER_SHARE = 0.7
"""Of the fast learner beside the starter, a small model: best or near it with 5 to 40 receipts and with 25 forms."""


def tuned(
    tagger: PageTagger,
    pages: TrainingSet,
    cross: Sequence[JudgedTask],
    least_precision: float,
    live: PageTagger | None = None,
) -> PageTagger:
    """The tagger with the shares and the scoring that fit the tasks it did not learn.

    Scores need more regions than a few held-out tasks have: cross-validated tasks are added, and where a run has none
    the scoring of the live version stays, whose learners are nearly the same.
    """
    share = fast_share(tagger, pages)
    if live is not None and not cross:
        return PageTagger(fast=tagger.fast, deep=tagger.deep, fast_share=share, scoring=live.scoring)
    raw = PageTagger(fast=tagger.fast, deep=tagger.deep, fast_share=share)
    held_out = judged_tasks(raw, pages.held_out)
    known = {task.task_id for task in held_out}
    judged = [*held_out, *(task for task in cross if task.task_id not in known)]
    scoring = fit_scoring(judged_regions(judged), least_precision)
    return PageTagger(fast=tagger.fast, deep=tagger.deep, fast_share=share, scoring=scoring)


def fast_share(tagger: PageTagger, pages: TrainingSet) -> float:
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
    fast, deep = ([learner.probabilities(task.pages) for task in tasks] for learner in (tagger.fast, tagger.deep))

    def scores(share: float) -> list[Scores]:
        return [
            score_pages(
                (decode_regions(page, mean(one, other, share), tagger.label_set), boxes)
                for page, boxes, one, other in zip(task.pages, task.boxes, by_fast, by_deep, strict=True)
            )
            for task, by_fast, by_deep in zip(tasks, fast, deep, strict=True)
        ]

    found = {share: scores(share) for share in SHARES}
    best = max(SHARES, key=lambda share: (total(found[share]).micro.f1, -abs(share - usual)))
    return best if compare(found[usual], found[best]).chance_worse >= SURE else usual

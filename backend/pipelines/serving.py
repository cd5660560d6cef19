"""Pages to regions by one version, the step that predicting and judging have in common; and what is served of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from backend import timing
from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.document.region import Region
from backend.inference.fields import apply_rules, task_score
from backend.inference.regions import decode_regions, page_score
from backend.label_studio.config import LabelingConfig
from backend.model.classifier import Probabilities
from backend.model.tagger import PageTagger


@dataclass(frozen=True, slots=True)
class PredictedPage:
    """What a version finds on a page.

    Attributes:
        regions: with trusted scores, those under their label's threshold too.
        score: how little there is to learn from the page, 0 to 1.
        thresholds: by label the least score with which a region is proposed, as learnt.
        probabilities: (W, C) each word's distribution over the tags of the version's labels; None where it is not kept.
    """

    regions: tuple[Region, ...]
    score: float
    thresholds: Mapping[str, float] = field(default_factory=dict)
    probabilities: Probabilities | None = field(default=None, compare=False, repr=False)

    @property
    def proposed(self) -> tuple[Region, ...]:
        """The regions that reach their threshold."""
        return tuple(region for region in self.regions if region.score >= self.thresholds.get(region.label, 0.0))


def served_regions(predicted: PredictedPage, config: LabelingConfig) -> list[Region]:
    """The regions with the labels of a project as it is now; those it does not know any more are left out.

    So are those under their label's threshold: the one that the project states, else the one that was learnt.
    """
    served = []
    for region in predicted.regions:
        name = config.predicted_name(region.label)
        if name is None:
            continue
        stated = config.threshold_of(name)
        least = predicted.thresholds.get(region.label, 0.0) if stated is None else stated
        if region.score >= least:
            served.append(replace(region, label=name))
    return served


def served_document(predicted: Sequence[PredictedPage], config: LabelingConfig) -> tuple[list[list[Region]], float]:
    """The regions of a task's pages as a project is served them, by its field rules, and the score of the task.

    A rule is for the document: of a label that is kept once, the pages of a task have one in all.
    """
    pages = apply_rules([served_regions(page, config) for page in predicted], config.rule_of)
    least = min((page.score for page in predicted), default=0.0)
    return pages, task_score(least, pages, config.required)


def predict_pages(pages: Sequence[Page], tagger: PageTagger) -> list[PredictedPage]:
    """What a version finds on each page, in order."""
    with timing.step("model"):
        of_pages = tagger.probabilities(pages)
    with timing.step("regions"):
        return [_found(page, probabilities, tagger) for page, probabilities in zip(pages, of_pages, strict=True)]


def _found(page: Page, probabilities: Probabilities, tagger: PageTagger) -> PredictedPage:
    """What a page's (W, C) distributions come to."""
    raw = decode_regions(page, probabilities, tagger.label_set)
    regions = tuple(replace(region, score=tagger.scoring.trusted(region.score)) for region in raw)
    score = page_score(probabilities) * expected_share(regions, tagger.label_set)
    return PredictedPage(regions, score, tagger.scoring.thresholds, probabilities)


def expected_share(regions: Sequence[Region], label_set: LabelSet) -> float:
    """The share of a page's boxes that are expected to be right, 0 to 1.

    A label that nearly every page has and this one has not is a box that is likely missing. On receipts the product of
    this share and `page_score` orders pages by their errors better than either does (docs/TRAINING.md).
    """
    have = {region.label for region in regions}
    missing = [1 - share for name, share in label_set.once.items() if name not in have]
    return fmean([*(region.score for region in regions), *missing]) if regions or missing else 1.0

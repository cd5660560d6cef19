"""The step that predicting and judging have in common: pages to regions by one version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from backend.document.page import Page
from backend.document.region import Region
from backend.inference.regions import decode_regions, page_score
from backend.label_studio.config import LabelingConfig
from backend.model.tagger import PageTagger


@dataclass(frozen=True, slots=True)
class PredictedPage:
    """The regions proposed for a page and how sure the model is of the page as a whole, 0 to 1."""

    regions: tuple[Region, ...]
    score: float


def served_regions(predicted: PredictedPage, config: LabelingConfig) -> list[Region]:
    """The regions with the labels of a project as it is now; those it does not know any more are left out."""
    named = ((region, config.predicted_name(region.label)) for region in predicted.regions)
    return [replace(region, label=name) for region, name in named if name is not None]


def predict_pages(pages: Sequence[Page], tagger: PageTagger) -> list[PredictedPage]:
    """What a version proposes for each page, in order."""
    return [
        PredictedPage(tuple(decode_regions(page, probabilities, tagger.label_set)), page_score(probabilities))
        for page, probabilities in zip(pages, tagger.probabilities(pages), strict=True)
    ]

"""Smart boxes: what a person draws, pulled to the words under it, with their text and a label.

The label that the person chose stays. Without one it is what the live version finds likeliest for these words, or the
only label that there is; else the box is left without, for the person to choose. A box over no word comes back as it
was drawn: with suggestions accepted by themselves the editor would otherwise throw it away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from backend.document.page import Page
from backend.document.region import Region
from backend.inference.fields import with_value
from backend.inference.snap import likeliest_labels, snapped, words_under
from backend.label_studio.config import LabelingConfig
from backend.label_studio.drawn import DrawnRegion, drawn_page, drawn_region
from backend.label_studio.results import regions_to_results
from backend.model.classifier import Probabilities
from backend.model.tagger import PageTagger
from backend.pipelines.recent import RecentPages

NO_LABEL = ""


def smart_results(
    page: Page,
    context: Mapping[str, Any],
    config: LabelingConfig,
    tagger: PageTagger | None,
    recent: RecentPages,
) -> list[dict[str, Any]]:
    """The results for what is being drawn on a page, the one that `drawn_page` names.

    Args:
        context: of the request, with the region that is being drawn.
        tagger: the live version; None before there is any.
        recent: the pages that were predicted last.
    """
    drawn = drawn_region(context, config, page.size)
    if drawn is None:
        return []
    region = _smart_region(page, drawn, config, tagger, recent)
    return regions_to_results([region], page_size=page.size, config=config, item_index=drawn_page(context))


def _smart_region(
    page: Page, drawn: DrawnRegion, config: LabelingConfig, tagger: PageTagger | None, recent: RecentPages
) -> Region:
    words = words_under(page, drawn.box)
    if not words:
        label = drawn.label or _only_label(config)
        return Region(label, drawn.box, "", 0.0, drawn_id=drawn.id)
    if drawn.label:
        found = snapped(page, words, drawn.label)
    else:
        label, score = _likeliest(page, words, config, tagger, recent)
        found = replace(snapped(page, words, label), score=score)
    return replace(with_value(found, config.rule_of(found.label)), drawn_id=drawn.id)


def _likeliest(
    page: Page, words: Sequence[int], config: LabelingConfig, tagger: PageTagger | None, recent: RecentPages
) -> tuple[str, float]:
    """The likeliest of the project's labels for some words, and how likely it is, 0 to 1."""
    if tagger is not None and len(config.labels) > 1:
        probabilities = _probabilities(page, tagger, recent)
        for label, share in likeliest_labels(words, probabilities, tagger.label_set):
            name = config.predicted_name(label)
            if name is not None:
                return name, tagger.scoring.trusted(share)
    return _only_label(config), 0.0


def _only_label(config: LabelingConfig) -> str:
    return config.labels[0].name if len(config.labels) == 1 else NO_LABEL


def _probabilities(page: Page, tagger: PageTagger, recent: RecentPages) -> Probabilities:
    """(W, C) the distributions of a page's words, within a moment.

    As they were when the page was opened; else those of the fast learner, which knows in milliseconds; else of the deep
    one, kept for the next box on the page.
    """
    known = recent.get(page, tagger)
    if known is not None:
        return known
    found: Probabilities = (tagger.fast or tagger).probabilities([page])[0]
    recent.keep(page, tagger, found)
    return found

"""What is remembered of the pages that were predicted last."""

from __future__ import annotations

import gc

import numpy as np

from backend.model.classifier import WordClassifier
from backend.model.tagger import PageTagger
from backend.pipelines.recent import RecentPages
from tests.pages_of_words import page_of_rows

PAGES = [page_of_rows([str(number)]) for number in range(3)]
FOUND = np.ones((1, 7), np.float32)


def test_a_page_is_remembered_for_the_version_that_predicted_it(memorised: WordClassifier) -> None:
    one, other = PageTagger(deep=memorised), PageTagger(deep=memorised)
    recent = RecentPages()
    recent.keep(PAGES[0], one, FOUND)
    assert recent.get(page_of_rows(["0"]), one) is FOUND
    assert recent.get(PAGES[0], other) is None
    assert recent.get(PAGES[1], one) is None


def test_the_page_that_was_longest_not_asked_for_is_forgotten(memorised: WordClassifier) -> None:
    tagger = PageTagger(deep=memorised)
    recent = RecentPages(most_pages=2)
    for page in (PAGES[0], PAGES[1]):
        recent.keep(page, tagger, FOUND)
    assert recent.get(PAGES[0], tagger) is FOUND
    recent.keep(PAGES[2], tagger, FOUND)
    assert [recent.get(page, tagger) is not None for page in PAGES] == [True, False, True]


def test_no_version_is_kept_in_memory_for_its_pages(memorised: WordClassifier) -> None:
    recent = RecentPages()
    gone = PageTagger(deep=memorised)
    recent.keep(PAGES[0], gone, FOUND)
    del gone
    gc.collect()
    assert recent.get(PAGES[0], PageTagger(deep=memorised)) is None

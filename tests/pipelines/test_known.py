"""What learners made of pages is asked for once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.model.classifier import Probabilities
from backend.model.crf import CrfTagger
from backend.model.tagger import PageTagger
from backend.pipelines.known import KnowingTagger, KnownProbabilities
from backend.training.fit_crf import fit_crf
from tests.pages_of_words import page_of_rows

LABELS = LabelSet(("question", "answer"))
PAGES = [page_of_rows(["Name:", "Ann"]), page_of_rows(["Name:", "Bob"]), page_of_rows(["Name:", "Cay"])]


class Counting(CrfTagger):
    """Notes how many pages it is asked for."""

    asked = 0

    def probabilities(self, pages: Sequence[Page]) -> list[Probabilities]:
        self.asked += len(pages)
        return super().probabilities(pages)


def counting() -> Counting:
    return Counting(fit_crf([(PAGES[0], [1, 3])], LABELS).content, LABELS)


def test_each_page_is_asked_for_once_and_the_answer_is_the_learners() -> None:
    fast = counting()
    known = KnownProbabilities()
    tagger = KnowingTagger(PageTagger(fast=fast), known)
    tagger.probabilities(PAGES[:2])
    again = tagger.probabilities(PAGES)
    assert fast.asked == 3
    for found, true in zip(again, fast.probabilities(PAGES), strict=True):
        np.testing.assert_array_equal(found, true)


def test_a_field_that_was_saved_and_loaded_is_the_same_learner_and_another_is_not() -> None:
    known = KnownProbabilities()
    fast, loaded = counting(), counting()
    known.of(fast, PAGES)
    known.of(loaded, PAGES)
    assert loaded.asked == 0
    other = Counting(fit_crf([(PAGES[0], [0, 0])], LABELS).content, LABELS)
    known.of(other, PAGES)
    assert other.asked == 3

"""Fitting the conditional random field, which takes about a second for forty pages."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import pycrfsuite

from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.encoding.word_features import page_features
from backend.model.crf import CrfTagger

# c1 (L1) keeps few features of the many, c2 (L2) keeps their weights small; measured on receipts and forms, as was that
# more iterations than these bring nothing.
RECIPE = {"c1": 0.1, "c2": 0.2, "max_iterations": 50, "feature.possible_transitions": 1}


class CrfFitter:
    """Fits fields to more and more pages; what it was told of a page is kept, so that its features are made once.

    Args:
        label_set: of the tags of all pages.
    """

    def __init__(self, label_set: LabelSet) -> None:
        self.label_set = label_set
        self._trainer = pycrfsuite.Trainer(algorithm="lbfgs", params=RECIPE, verbose=False)

    def add(self, examples: Iterable[tuple[Page, Sequence[int]]]) -> None:
        """Pages with the tags of their words (W,)."""
        for page, tags in examples:
            if page.words:
                self._trainer.append(page_features(page), [str(tag) for tag in tags])

    def fit(self) -> CrfTagger:
        """A field fitted to all pages that were added; the same for the same pages."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"  # the library writes to files only
            self._trainer.train(str(path))
            return CrfTagger(path.read_bytes(), self.label_set)


def fit_crf(examples: Iterable[tuple[Page, Sequence[int]]], label_set: LabelSet) -> CrfTagger:
    """A field fitted to pages with the tags of their words."""
    fitter = CrfFitter(label_set)
    fitter.add(examples)
    return fitter.fit()

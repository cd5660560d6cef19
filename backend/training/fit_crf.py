"""Fitting the conditional random field, which takes about a second for twenty pages."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import pycrfsuite

from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.encoding.word_features import page_features
from backend.model.crf import CrfTagger

# c1 (L1) keeps few features of the many, c2 (L2) keeps their weights small; measured on receipts and forms.
RECIPE = {"c1": 0.1, "c2": 0.2, "max_iterations": 80, "feature.possible_transitions": 1}


def fit_crf(examples: Iterable[tuple[Page, Sequence[int]]], label_set: LabelSet) -> CrfTagger:
    """A field fitted to pages with the tags of their words; the same for the same pages."""
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", params=RECIPE, verbose=False)
    for page, tags in examples:
        if page.words:
            trainer.append(page_features(page), [str(tag) for tag in tags])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"  # the library writes to files only
        trainer.train(str(path))
        return CrfTagger(path.read_bytes(), label_set)

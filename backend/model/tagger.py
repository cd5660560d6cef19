"""What a version predicts with: the deep learner and the fast one, together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.errors import VersionError
from backend.model.classifier import Probabilities, WordClassifier
from backend.model.crf import CRF_FILE, CrfTagger
from backend.model.folders import load_classifier, save_classifier

SMALLEST = 1e-6


class PageTagger:
    """Pages to the tags of their words, by one or two learners with the same labels.

    Attributes:
        deep: the token classification model.
        fast: the conditional random field; None in a version without one.
    """

    def __init__(self, deep: WordClassifier, fast: CrfTagger | None = None) -> None:
        self.deep = deep
        self.fast = fast

    @property
    def label_set(self) -> LabelSet:
        return self.deep.label_set

    @property
    def visual(self) -> bool:
        """Whether pages must come with their picture."""
        return self.deep.encoder.spec.visual

    @property
    def bytes(self) -> int:
        """Memory of the weights."""
        return self.deep.bytes + (len(self.fast.content) if self.fast else 0)

    def probabilities(self, pages: Sequence[Page]) -> list[Probabilities]:
        """For each page (W, C): the geometric mean of what the learners give each word, made a distribution again."""
        deep = self.deep.probabilities(pages)
        if self.fast is None:
            return deep
        return [mean(one, other) for one, other in zip(deep, self.fast.probabilities(pages), strict=True)]


def mean(one: Probabilities, other: Probabilities) -> Probabilities:
    """(W, C) geometric mean of two distributions per word; a tag that one of them rules out stays unlikely."""
    product = np.sqrt((one + SMALLEST) * (other + SMALLEST))
    share: Probabilities = product / product.sum(axis=1, keepdims=True)
    return share


def save_tagger(tagger: PageTagger, folder: Path) -> None:
    """Write everything that `load_tagger` needs into an existing folder."""
    save_classifier(tagger.deep, folder)
    if tagger.fast is not None:
        (folder / CRF_FILE).write_bytes(tagger.fast.content)


def load_tagger(folder: Path, device: torch.device) -> PageTagger:
    """What a version folder holds.

    Raises:
        VersionError: a file is missing or does not fit the others.
    """
    deep = load_classifier(folder, device)
    path = folder / CRF_FILE
    if not path.is_file():
        return PageTagger(deep)
    try:
        return PageTagger(deep, CrfTagger(path.read_bytes(), deep.label_set))
    except (OSError, ValueError) as error:
        raise VersionError("version_damaged", f"version {folder.name} has a {CRF_FILE} that cannot be read") from error

"""What a version predicts with: the fast learner, the deep one, or both together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.errors import VersionError
from backend.model.classifier import Probabilities, WordClassifier
from backend.model.crf import CRF_FILE, CrfTagger
from backend.model.folders import WEIGHTS_FILE, load_classifier, save_classifier

LABELS_FILE = "labels.json"
SMALLEST = 1e-6


class Learner(Protocol):
    """Words in, distributions out."""

    @property
    def label_set(self) -> LabelSet: ...

    def probabilities(self, pages: Sequence[Page]) -> list[Probabilities]:
        """For each page (W, C): each word's distribution over the tags of the label set."""


class PageTagger:
    """Pages to the tags of their words, by one or two learners with the same labels.

    Attributes:
        fast: the conditional random field, there seconds after an annotation; None in a version without one.
        deep: the token classification model; None in a version that did not wait for it.
    """

    def __init__(self, *, fast: CrfTagger | None = None, deep: WordClassifier | None = None) -> None:
        self.fast = fast
        self.deep = deep
        self._learners: list[Learner] = [learner for learner in (fast, deep) if learner is not None]
        if not self._learners:
            raise ValueError("a tagger needs at least one learner")

    @property
    def label_set(self) -> LabelSet:
        return self._learners[0].label_set

    @property
    def visual(self) -> bool:
        """Whether pages must come with their picture."""
        return self.deep is not None and self.deep.encoder.spec.visual

    @property
    def bytes(self) -> int:
        """Memory of the weights."""
        return (len(self.fast.content) if self.fast else 0) + (self.deep.bytes if self.deep else 0)

    def probabilities(self, pages: Sequence[Page]) -> list[Probabilities]:
        """For each page (W, C): the geometric mean of what the learners give each word, made a distribution again."""
        first, *others = [learner.probabilities(pages) for learner in self._learners]
        for other in others:
            first = [mean(one, two) for one, two in zip(first, other, strict=True)]
        return first


def mean(one: Probabilities, other: Probabilities) -> Probabilities:
    """(W, C) geometric mean of two distributions per word; a tag that one of them rules out stays unlikely."""
    product = np.sqrt((one + SMALLEST) * (other + SMALLEST))
    share: Probabilities = product / product.sum(axis=1, keepdims=True)
    return share


def save_tagger(tagger: PageTagger, folder: Path) -> None:
    """Write everything that `load_tagger` needs into an existing folder."""
    labels = json.dumps({"names": tagger.label_set.names}, ensure_ascii=False)
    (folder / LABELS_FILE).write_text(labels, encoding="utf-8")
    if tagger.fast is not None:
        (folder / CRF_FILE).write_bytes(tagger.fast.content)
    if tagger.deep is not None:
        save_classifier(tagger.deep, folder)


def load_tagger(folder: Path, device: torch.device) -> PageTagger:
    """What a version folder holds.

    Raises:
        VersionError: a file is missing or does not fit the others.
    """
    try:
        names = json.loads((folder / LABELS_FILE).read_text(encoding="utf-8"))["names"]
        label_set = LabelSet(tuple(names))
        fast = CrfTagger((folder / CRF_FILE).read_bytes(), label_set) if (folder / CRF_FILE).is_file() else None
        deep = load_classifier(folder, label_set, device) if (folder / WEIGHTS_FILE).is_file() else None
        return PageTagger(fast=fast, deep=deep)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VersionError(
            "version_damaged", f"version {folder.name} cannot be loaded: {type(error).__name__}"
        ) from error

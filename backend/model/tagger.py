"""What a version predicts with: the fast learner, the deep one, or both together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.errors import VersionError
from backend.model.classifier import Probabilities, WordClassifier
from backend.model.crf import CRF_FILE, CrfTagger
from backend.model.folders import WEIGHTS_FILE, link_classifier, load_classifier, save_classifier
from backend.model.scoring import Scoring, scoring_from

LABELS_FILE = "labels.json"
SERVING_FILE = "serving.json"
JUDGED_CRF_FILE = "crf-judged.crfsuite"
EQUAL_SHARES = 0.5
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
        fast_share: weight of the fast learner in the mean of both, 0 to 1.
        scoring: what the scores of its regions mean.
    """

    def __init__(
        self,
        *,
        fast: CrfTagger | None = None,
        deep: WordClassifier | None = None,
        fast_share: float = EQUAL_SHARES,
        scoring: Scoring | None = None,
    ) -> None:
        self.fast = fast
        self.deep = deep
        self.fast_share = fast_share
        self.scoring = scoring or Scoring()
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
        if self.fast is None or self.deep is None:
            return self._learners[0].probabilities(pages)
        return self.means(self.fast.probabilities(pages), self.deep.probabilities(pages))

    def means(self, fast: Sequence[Probabilities], deep: Sequence[Probabilities]) -> list[Probabilities]:
        """What both learners found on pages, made one; labels that the fast one never learnt are left to the other."""
        known = self.fast.known if self.fast else np.ones(self.label_set.tag_count, np.bool_)
        both = zip(fast, deep, strict=True)
        return [mean(completed(one, other, known), other, self.fast_share) for one, other in both]


def completed(fast: Probabilities, deep: Probabilities, known: NDArray[np.bool_]) -> Probabilities:
    """(W, C) the fast learner's distribution among the tags it knows (C,), the others' shares being the deep one's."""
    if known.all():
        return fast
    of_others = deep[:, ~known].sum(axis=1, keepdims=True)
    return np.where(known, fast * (1 - of_others), deep)


def mean(fast: Probabilities, deep: Probabilities, fast_share: float = EQUAL_SHARES) -> Probabilities:
    """(W, C) weighted geometric mean of two distributions per word; a tag that one of them rules out stays unlikely."""
    product = (fast + SMALLEST) ** fast_share * (deep + SMALLEST) ** (1 - fast_share)
    share: Probabilities = product / product.sum(axis=1, keepdims=True)
    return share


def save_tagger(
    tagger: PageTagger, folder: Path, *, refitted: CrfTagger | None = None, deep_from: Path | None = None
) -> None:
    """Write everything that `load_tagger` needs into an existing folder.

    Args:
        refitted: the fast learner fitted to all pages, the held-out ones among them, to be served in place of the one
            that is judged on these.
        deep_from: a folder that holds this tagger's deep learner already: its files are linked, not written again.
    """
    labels = json.dumps({"names": tagger.label_set.names, "once": dict(tagger.label_set.once)}, ensure_ascii=False)
    (folder / LABELS_FILE).write_text(labels, encoding="utf-8")
    serving = json.dumps({"fast_share": tagger.fast_share, "scoring": tagger.scoring.to_json()}, ensure_ascii=False)
    (folder / SERVING_FILE).write_text(serving, encoding="utf-8")
    if tagger.fast is not None:
        (folder / CRF_FILE).write_bytes((refitted or tagger.fast).content)
    if tagger.fast is not None and refitted is not None:
        (folder / JUDGED_CRF_FILE).write_bytes(tagger.fast.content)
    if tagger.deep is not None and deep_from is not None:
        link_classifier(deep_from, folder)
    elif tagger.deep is not None:
        save_classifier(tagger.deep, folder)


def load_tagger(folder: Path, device: torch.device, *, as_judged: bool = False) -> PageTagger:
    """What a version folder holds.

    Args:
        as_judged: with the learner that has not learnt the held-out pages, to be compared on them.

    Raises:
        VersionError: a file is missing or does not fit the others.
    """
    try:
        labels = json.loads((folder / LABELS_FILE).read_text(encoding="utf-8"))
        once = {name: float(share) for name, share in labels.get("once", {}).items()}  # older versions have none
        label_set = LabelSet(tuple(labels["names"]), once)
        judged = as_judged and (folder / JUDGED_CRF_FILE).is_file()
        crf_file = folder / (JUDGED_CRF_FILE if judged else CRF_FILE)
        fast = CrfTagger(crf_file.read_bytes(), label_set) if crf_file.is_file() else None
        deep = load_classifier(folder, label_set, device) if (folder / WEIGHTS_FILE).is_file() else None
        return PageTagger(fast=fast, deep=deep, **_serving(folder))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VersionError(
            "version_damaged", f"version {folder.name} cannot be loaded: {type(error).__name__}"
        ) from error


def _serving(folder: Path) -> dict[str, Any]:
    """How a version's learners are served; equal shares and raw scores for one made before there were others."""
    path = folder / SERVING_FILE
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    return {"fast_share": float(content["fast_share"]), "scoring": scoring_from(content["scoring"])}

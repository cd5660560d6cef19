"""The fast learner: a linear-chain conditional random field over words, layout and neighbours.

J. Lafferty, A. McCallum, F. Pereira, "Conditional Random Fields", 2001; by CRFsuite. It knows no language, so it is no
match for a pre-trained model by itself, but it errs elsewhere: the mean of the two beats both.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pycrfsuite
from numpy.typing import NDArray

from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.encoding.word_features import page_features
from backend.model.classifier import Probabilities

CRF_FILE = "crf.crfsuite"


class CrfTagger:
    """A fitted field with the labels it was fitted for; usable from any thread. Equal contents make equal fields.

    Args:
        content: a model file of CRFsuite, whose labels are numbers of tags.

    Raises:
        ValueError: the content is no such file.
    """

    def __init__(self, content: bytes, label_set: LabelSet) -> None:
        self.content = content
        self.label_set = label_set
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open_inmemory(content)
        self._tags: list[str] = self._tagger.labels()
        self._lock = threading.Lock()

    @property
    def known(self) -> NDArray[np.bool_]:
        """(C,) the tags of labels that it has learnt, and of outside; it gives the others nothing."""
        labels = {self.label_set.name_of(int(tag)) for tag in self._tags}
        return np.array([self.label_set.name_of(tag) in labels for tag in range(self.label_set.tag_count)])

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, CrfTagger):
            return False
        return self.content == other.content and self.label_set == other.label_set

    def __hash__(self) -> int:
        return hash(self.content)

    def probabilities(self, pages: Sequence[Page]) -> list[Probabilities]:
        """For each page (W, C): each word's marginal distribution over the tags of the label set."""
        return [self._page_probabilities(page) for page in pages]

    def _page_probabilities(self, page: Page) -> Probabilities:
        found = np.zeros((len(page.words), self.label_set.tag_count), np.float32)
        if page.words:
            features = page_features(page)
            with self._lock:
                self._tagger.set(features)
                for tag in self._tags:
                    found[:, int(tag)] = [self._tagger.marginal(tag, at) for at in range(len(page.words))]
        return found

"""The fast learner: a linear-chain conditional random field over words, layout and neighbours.

J. Lafferty, A. McCallum, F. Pereira, "Conditional Random Fields", 2001; by CRFsuite. It knows no language, so it is no
match for a pre-trained model by itself, but it errs elsewhere: the mean of the two beats both.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pycrfsuite

from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.encoding.word_features import page_features
from backend.model.classifier import Probabilities

CRF_FILE = "crf.crfsuite"


class CrfTagger:
    """A fitted field with the labels it was fitted for; usable from any thread.

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
        self._lock = threading.Lock()

    def probabilities(self, pages: Sequence[Page]) -> list[Probabilities]:
        """For each page (W, C): each word's marginal distribution over the tags of the label set."""
        return [self._page_probabilities(page) for page in pages]

    def _page_probabilities(self, page: Page) -> Probabilities:
        found = np.zeros((len(page.words), self.label_set.tag_count), np.float32)
        if page.words:
            features = page_features(page)
            with self._lock:
                self._tagger.set(features)
                for tag in self._tagger.labels():
                    found[:, int(tag)] = [self._tagger.marginal(tag, at) for at in range(len(page.words))]
        return found

"""What learners made of pages, kept so that each is asked once a page while a version is tuned, judged and compared."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from backend.document.page import Page
from backend.model.classifier import Probabilities
from backend.model.tagger import Learner, PageTagger


class KnownProbabilities:
    """The distributions that learners gave the words of pages; those of a learner go when the learner goes."""

    def __init__(self) -> None:
        self._found: WeakKeyDictionary[Learner, dict[int, tuple[Page, Probabilities]]] = WeakKeyDictionary()

    def of(self, learner: Learner, pages: Sequence[Page]) -> list[Probabilities]:
        """As `learner.probabilities`."""
        known = self._found.setdefault(learner, {})
        new = [page for page in pages if id(page) not in known]
        # The page is kept too: while it lives no other has its id.
        known |= {id(page): (page, one) for page, one in zip(new, learner.probabilities(new), strict=True)}
        return [known[id(page)][1] for page in pages]


class KnowingTagger(PageTagger):
    """A tagger as it is, which asks its learners only for what is not known."""

    def __init__(self, tagger: PageTagger, known: KnownProbabilities) -> None:
        super().__init__(fast=tagger.fast, deep=tagger.deep, fast_share=tagger.fast_share, scoring=tagger.scoring)
        self._known = known

    def probabilities(self, pages: Sequence[Page]) -> list[Probabilities]:
        """As `PageTagger.probabilities`."""
        if self.fast is None or self.deep is None:
            return self._known.of(self._learners[0], pages)
        return self.means(self._known.of(self.fast, pages), self._known.of(self.deep, pages))

"""What the live versions made of the pages that were predicted last, so that a box drawn on one needs no model."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from threading import Lock

from backend.document.page import Page
from backend.model.classifier import Probabilities
from backend.model.tagger import PageTagger

MOST_PAGES = 64
"""Some 100 kB each at most. People draw on the page that was opened last."""


class RecentPages:
    """The distributions of some pages, each by the version that made them. Usable from any thread."""

    def __init__(self, most_pages: int = MOST_PAGES) -> None:
        self._most_pages = most_pages
        # Weak: a version that is served no more is not kept in memory for the pages it predicted.
        self._pages: OrderedDict[Page, tuple[weakref.ref[PageTagger], Probabilities]] = OrderedDict()
        self._lock = Lock()

    def keep(self, page: Page, tagger: PageTagger, probabilities: Probabilities) -> None:
        """Remember (W, C) the distributions of a page's words; the page that was longest not asked for is forgotten."""
        with self._lock:
            self._pages[page] = weakref.ref(tagger), probabilities
            self._pages.move_to_end(page)
            while len(self._pages) > self._most_pages:
                self._pages.popitem(last=False)

    def get(self, page: Page, tagger: PageTagger) -> Probabilities | None:
        """(W, C) what this version made of the page, if that is remembered."""
        with self._lock:
            known = self._pages.get(page)
            if known is None or known[0]() is not tagger:
                return None
            self._pages.move_to_end(page)
            return known[1]

"""What the CRF is told of each word: its text, its shape, its place and its neighbours.

Everything is a short string that is there or not. Numbers are cut into a few steps, so that a handful of pages is
enough to learn from.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from statistics import median

from backend.document.page import Page, Word

AMOUNT = re.compile(r"[^\d]{0,3}\d{1,3}([.,]?\d{3})*[.,]\d{2}[^\d]{0,2}")
DATE = re.compile(r"\d{1,4}[-/.]\w{2,3}[-/.]\d{2,4}\W?|\d{1,2}(th|st|nd|rd)|(19|20)\d{2}", re.IGNORECASE)
PLACES = 6
"""Steps across and down the page."""

Features = list[str]


def page_features(page: Page) -> list[Features]:
    """The features of each word of a page, in reading order."""
    own = [_own(word) for word in page.words]
    place = _places(page)
    row_words = _row_words(page.words)
    return [
        [
            "any",
            *own[at],
            *place[at],
            *row_words[at],
            *_neighbour(own, at - 1, "-1"),
            *_neighbour(own, at + 1, "+1"),
            *_neighbour(own, at - 2, "-2", texts_only=True),
            *_neighbour(own, at + 2, "+2", texts_only=True),
        ]
        for at in range(len(page.words))
    ]


def shape(text: str) -> str:
    """The text with each run of capitals, small letters and digits as one sign: `Inv-2024` is `Aa-9`."""
    signs = re.sub(r"\d", "9", re.sub(r"[^\W\d_]", lambda letter: "A" if letter[0].isupper() else "a", text))
    return re.sub(r"(.)\1+", r"\1", signs)


def _own(word: Word) -> Features:
    text = word.text.lower()
    bare = text.strip(".,:;()[]*#'\"-")
    found = [f"w={bare}", f"s={shape(word.text)[:8]}", f"p={bare[:3]}", f"e={bare[-3:]}"]
    if AMOUNT.fullmatch(word.text):
        found.append("amount")
    if DATE.fullmatch(word.text):
        found.append("date")
    if text.endswith(":"):
        found.append("colon")
    if word.text.isupper():
        found.append("capitals")
    if any(char.isdigit() for char in text):
        found.append(f"digits={min(5, sum(char.isdigit() for char in text))}")
    return found


def _neighbour(own: Sequence[Features], at: int, where: str, *, texts_only: bool = False) -> Features:
    if not 0 <= at < len(own):
        return [f"{where}:none"]
    return [f"{where}:{feature}" for feature in own[at] if not texts_only or feature.startswith(("w=", "s="))]


def _places(page: Page) -> list[Features]:
    """Where each word stands: on the page, in its line segment, and how high its letters are."""
    if not page.words:
        return []
    usual = median(word.box.height for word in page.words) or 1.0
    sizes = Counter(word.segment for word in page.words)
    last = max(sizes)
    found = []
    for at, word in enumerate(page.words):
        x, y = word.box.center
        opens = at == 0 or page.words[at - 1].segment != word.segment
        closes = at == len(page.words) - 1 or page.words[at + 1].segment != word.segment
        height = min(4, round(2 * word.box.height / usual))
        down = min(PLACES - 1, int(PLACES * y / page.height))
        found.append(
            [
                f"x={min(PLACES - 1, int(PLACES * x / page.width))}",
                f"y={down}",
                f"height={height}",
                f"opens={opens}",
                f"closes={closes}",
                f"segment={min(5, sizes[word.segment])}",
                f"top={min(6, word.segment)}",
                f"end={min(6, last - word.segment)}",
            ]
        )
    return found


def _row_words(words: Sequence[Word]) -> list[Features]:
    """For each word the other words on its row, to its left and right, and those just above it."""
    found: list[Features] = []
    for at, word in enumerate(words):
        features: Features = []
        left = [other for other in words[max(0, at - 8) : at] if _beside(other, word)]
        features += [f"left:{other.text.lower().strip('.,:')}" for other in left]
        right = [other for other in words[at + 1 : at + 9] if _beside(other, word)]
        features += [f"right:{shape(other.text)[:8]}" for other in right[:3]]
        features.append("leftmost" if not left else "not leftmost")
        features.append("rightmost" if not right else "not rightmost")
        above = [other for other in words[max(0, at - 25) : at] if _above(other, word)]
        features += [f"above:{other.text.lower().strip('.,:')}" for other in above[-3:]]
        found.append(features)
    return found


def _beside(other: Word, word: Word) -> bool:
    overlap = min(other.box.bottom, word.box.bottom) - max(other.box.top, word.box.top)
    return overlap > 0.5 * min(other.box.height, word.box.height)


def _above(other: Word, word: Word) -> bool:
    gap = word.box.top - other.box.bottom
    across = min(other.box.right, word.box.right) - max(other.box.left, word.box.left)
    return across > 0 and -0.3 * word.box.height <= gap <= 1.5 * word.box.height

"""What the CRF is told of each word: its text, its shape, its place and its neighbours.

Everything is a short string that is there or not. Numbers are cut into a few steps, so that a handful of pages is
enough to learn from. Nothing here knows a language: what a label's words are is learnt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from backend.document.page import Page, Word
from backend.encoding.layout_features import layout_features, surroundings

AMOUNT = re.compile(r"[^\d]{0,3}\d{1,3}([.,]?\d{3})*[.,]\d{2}[^\d]{0,2}")
DATE = re.compile(r"\d{1,4}[-/.]\w{2,3}[-/.]\d{2,4}\W?|\d{1,2}(th|st|nd|rd)|(19|20)\d{2}", re.IGNORECASE)
MOST_DATES = 3

Features = list[str]


def page_features(page: Page) -> list[Features]:
    """The features of each word of a page, in reading order."""
    texts = [_bare(word.text) for word in page.words]
    shapes = [shape(word.text)[:8] for word in page.words]
    own = [_own(word, text, form) for word, text, form in zip(page.words, texts, shapes, strict=True)]
    dates = _dates_before(page.words)
    place = layout_features(page)
    around = surroundings(page, texts, shapes)
    return [
        [
            "any",
            *own[at],
            *_spelling(page.words[at].text, texts[at]),
            *dates[at],
            *place[at],
            *around[at],
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


def _bare(text: str) -> str:
    return text.lower().strip(".,:;()[]*#'\"-")


def _own(word: Word, bare: str, form: str) -> Features:
    """What a word tells of itself, to its neighbours too."""
    found = [f"w={bare}", f"s={form}", f"p={bare[:3]}", f"e={bare[-3:]}"]
    if AMOUNT.fullmatch(word.text):
        found.append("amount")
    if DATE.fullmatch(word.text):
        found.append("date")
    if word.text.endswith(":"):
        found.append("colon")
    if word.text.isupper():
        found.append("capitals")
    digits = sum(char.isdigit() for char in word.text)
    if digits:
        found.append(f"digits={min(5, digits)}")
    return found


def _spelling(text: str, bare: str) -> Features:
    """More of a word's text: it helps with words that OCR read nearly right."""
    return [f"p2={bare[:2]}", f"p4={bare[:4]}", f"e2={bare[-2:]}", f"e4={bare[-4:]}", f"length={min(8, len(text))}"]


def _dates_before(words: Sequence[Word]) -> list[Features]:
    """For each date the number of dates before it: the first one often is the one that counts."""
    found: list[Features] = []
    before = 0
    for word in words:
        is_date = DATE.fullmatch(word.text) is not None
        found.append([f"dates before={min(MOST_DATES, before)}"] if is_date else [])
        before += is_date
    return found


def _neighbour(own: Sequence[Features], at: int, where: str, *, texts_only: bool = False) -> Features:
    if not 0 <= at < len(own):
        return [f"{where}:none"]
    return [f"{where}:{feature}" for feature in own[at] if not texts_only or feature.startswith(("w=", "s="))]

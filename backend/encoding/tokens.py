"""Words of a page to the arrays a model takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from backend.document.geometry import Box, union
from backend.document.page import Page, Word
from backend.encoding.spec import GRID, EncodingSpec
from backend.encoding.windows import word_windows

IGNORED = -100
"""Label of a position that no loss is taken from: special tokens, padding and all but a word's first token."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Window:
    """One model input of L tokens for the words [start, end) of a page.

    Attributes:
        input_ids: (L,)
        bbox: (L, 4) left, top, right, bottom on the 0 to 1000 grid.
        token_types: (L,)
        first_tokens: (end - start,) position in L of each word's first token; it carries the word's label.
        picture: (3, 224, 224) uint8 for visual models, else None.
    """

    start: int
    end: int
    input_ids: Ints
    bbox: Ints
    token_types: Ints
    first_tokens: Ints
    picture: NDArray[np.uint8] | None = None

    def labels(self, tags: Sequence[int]) -> Ints:
        """(L,) the tag of each word at its first token, IGNORED elsewhere; `tags` are those of the whole page."""
        labels = np.full(len(self.input_ids), IGNORED, dtype=np.int64)
        labels[self.first_tokens] = np.asarray(tags[self.start : self.end], dtype=np.int64)
        return labels


class Encoder:
    """Turns pages into windows for one base model."""

    def __init__(self, tokenizer: Tokenizer, spec: EncodingSpec) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.tokenizer = tokenizer
        self.spec = spec

    def encode(self, page: Page) -> list[Window]:
        """The windows of a page, none for a page without words; every word is in at least one."""
        if not page.words:
            return []
        room = self.spec.max_tokens - 2
        pieces = [ids[:room] for ids in self._word_tokens(page.words)]
        boxes = grid_boxes(page, segments=self.spec.segment_boxes)
        types = segment_types(page.words) if self.spec.segment_types else [0] * len(page.words)
        ranges = word_windows([len(ids) for ids in pieces], room, self.spec.overlap_words)
        return [self._window(start, end, pieces, boxes, types, page) for start, end in ranges]

    def _word_tokens(self, words: Sequence[Word]) -> list[list[int]]:
        """Token ids of each word, at least one each (some characters vanish in normalisation)."""
        unknown = self._unknown_id()
        encoded = self.tokenizer.encode([word.text for word in words], is_pretokenized=True, add_special_tokens=False)
        pieces: list[list[int]] = [[] for _ in words]
        for token, word in zip(encoded.ids, encoded.word_ids, strict=True):
            if word is not None:
                pieces[word].append(token)
        return [ids or [unknown] for ids in pieces]

    def _unknown_id(self) -> int:
        for name in ("[UNK]", "<unk>"):
            found = self.tokenizer.token_to_id(name)
            if found is not None:
                return int(found)
        return self.spec.sep_id

    def _window(
        self, start: int, end: int, pieces: list[list[int]], boxes: Ints, types: Sequence[int], page: Page
    ) -> Window:
        counts = [len(ids) for ids in pieces[start:end]]
        first = 1 + np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
        word_of_token = np.repeat(np.arange(start, end), counts)
        no_box = np.zeros((1, 4), dtype=np.int64)
        return Window(
            start=start,
            end=end,
            input_ids=np.array(
                [self.spec.cls_id, *(token for ids in pieces[start:end] for token in ids), self.spec.sep_id],
                dtype=np.int64,
            ),
            bbox=np.concatenate([no_box, boxes[word_of_token], no_box]),
            token_types=np.concatenate([[0], np.asarray(types, dtype=np.int64)[word_of_token], [0]]),
            first_tokens=first,
            picture=page.picture if self.spec.visual else None,
        )


def grid_boxes(page: Page, *, segments: bool) -> Ints:
    """(W, 4) the words' boxes on the 0 to 1000 grid, or with `segments` the boxes of their line segments."""
    found: list[Box] = [word.box for word in page.words]
    if segments:
        members: dict[int, list[Box]] = {}
        for word in page.words:
            members.setdefault(word.segment, []).append(word.box)
        around = {segment: union(boxes) for segment, boxes in members.items()}
        found = [around[word.segment] for word in page.words]
    corners = np.array([(box.left, box.top, box.right, box.bottom) for box in found], dtype=np.float64)
    scale = np.array([page.width, page.height, page.width, page.height], dtype=np.float64)
    return np.clip(np.round(corners * GRID / scale), 0, GRID).astype(np.int64)


def segment_types(words: Sequence[Word]) -> list[int]:
    """(W,) token types of the starter: 1 + 4 x case + place in the segment; 0 is for special tokens.

    Case: 0 lower, 1 capitalised, 2 all capitals, 3 has a digit, 4 no letter.
    Place: 0 alone, 1 first, 2 inside, 3 last.
    """
    types = []
    for at, word in enumerate(words):
        opens = at == 0 or words[at - 1].segment != word.segment
        closes = at == len(words) - 1 or words[at + 1].segment != word.segment
        place = {(True, True): 0, (True, False): 1, (False, False): 2, (False, True): 3}[opens, closes]
        types.append(1 + 4 * _case(word.text) + place)
    return types


def _case(text: str) -> int:
    if any(char.isdigit() for char in text):
        return 3
    if not any(char.isalpha() for char in text):
        return 4
    if text.isupper():
        return 2
    return 1 if text[0].isupper() else 0

"""How well OCR reads a project's documents, from the texts that people left in their annotations.

CER and WER are the edits, by character and by word, that make what OCR read into what the person left, as a share of
what the person left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import jiwer


@dataclass(frozen=True, slots=True)
class TextPair:
    """The text of one box.

    Attributes:
        read: by OCR.
        written: as a person left it; never empty.
    """

    label: str
    read: str
    written: str


@dataclass(frozen=True, slots=True)
class TextCounts:
    """What some texts come to.

    Attributes:
        texts: how many there are.
        corrected: those that a person changed.
        character_edits: characters put in, taken out or replaced.
        characters: of what the people left.
        word_edits: the same for words.
    """

    texts: int = 0
    corrected: int = 0
    character_edits: int = 0
    characters: int = 0
    word_edits: int = 0
    words: int = 0

    @property
    def character_error_rate(self) -> float | None:
        """CER, 0 or more; None without any text."""
        return self.character_edits / self.characters if self.characters else None

    @property
    def word_error_rate(self) -> float | None:
        """WER, 0 or more; None without any text."""
        return self.word_edits / self.words if self.words else None

    def __add__(self, other: TextCounts) -> TextCounts:
        return TextCounts(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "cer": _rounded(self.character_error_rate), "wer": _rounded(self.word_error_rate)}


@dataclass(frozen=True, slots=True)
class OcrQuality:
    """The texts of a project by the label of their box, in the order of the labels."""

    by_label: Mapping[str, TextCounts]

    @property
    def all(self) -> TextCounts:
        return sum(self.by_label.values(), TextCounts())

    def to_json(self) -> dict[str, Any]:
        return {
            "labels": {label: counts.to_json() for label, counts in self.by_label.items()},
            "all": self.all.to_json(),
        }


def measure_ocr(pairs: Iterable[TextPair]) -> OcrQuality:
    """What texts come to. White space counts as one blank; upper and lower case differ."""
    by_label: dict[str, TextCounts] = {}
    for pair in pairs:
        by_label[pair.label] = by_label.get(pair.label, TextCounts()) + _counts(pair)
    return OcrQuality(by_label)


def _counts(pair: TextPair) -> TextCounts:
    read, written = " ".join(pair.read.split()), " ".join(pair.written.split())
    if not written:
        return TextCounts()
    characters, words = jiwer.process_characters(written, read), jiwer.process_words(written, read)
    return TextCounts(
        texts=1,
        corrected=int(read != written),
        character_edits=characters.substitutions + characters.deletions + characters.insertions,
        characters=len(written),
        word_edits=words.substitutions + words.deletions + words.insertions,
        words=len(written.split()),
    )


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)

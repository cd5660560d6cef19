"""Which OCR reads the pages of a project."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OcrChoice:
    """An engine and the languages that it is to read.

    Attributes:
        engine: `auto`, `tesseract`, `rapidocr`, or the name of an engine of one's own.
        languages: Tesseract's names, joined by `+`.
    """

    engine: str
    languages: str

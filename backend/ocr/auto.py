"""Which engine reads a page: the quick one, and for a page that it reads badly the thorough one."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from backend.document.page import Word
from backend.errors import ServiceError, TaskError
from backend.ocr.engine import OcrEngine
from backend.ocr.engines import load_own_engine
from backend.ocr.installed import BUILT_IN_ENGINES, foreign_to_rapid
from backend.ocr.rapid import RapidEngine
from backend.ocr.tesseract import TesseractEngine

LEAST_CONFIDENCE = 0.9
"""Mean confidence of the letters under which a page counts as badly read; see docs/OCR.md."""


class AutoEngine:
    """Reads with one engine, and again with another where the first was not sure."""

    def __init__(self, quick: OcrEngine, thorough: OcrEngine) -> None:
        self.quick = quick
        self.thorough = thorough

    @property
    def identity(self) -> str:
        return f"{self.quick.identity}, under {LEAST_CONFIDENCE} {self.thorough.identity}"

    def read(self, image: Image.Image) -> list[Word]:
        """The words of the surer reading; raises what the quick engine raises."""
        words = self.quick.read(image)
        if confidence(words) >= LEAST_CONFIDENCE:
            return words
        try:
            return self.thorough.read(image) or words
        except TaskError:
            return words


def confidence(words: Sequence[Word]) -> float:
    """Mean confidence of the letters, 0 to 1; 0 without any."""
    letters = sum(len(word.text) for word in words)
    return sum(word.confidence * len(word.text) for word in words) / letters if letters else 0.0


def make_engine(name: str, *, languages: str, page_segmentation: str, timeout_s: float) -> OcrEngine:
    """The engine for the setting `OCR_ENGINE`: `auto`, `tesseract`, `rapidocr`, or one of somebody's own.

    Raises:
        ServiceError: `ocr_language`: RapidOCR alone is asked for a language that it does not read; `ocr_engine`: an
            engine of somebody's own cannot be used.
    """
    if name not in BUILT_IN_ENGINES:
        return load_own_engine(name, languages=languages, timeout_s=timeout_s)
    foreign = foreign_to_rapid(languages)
    if name == "tesseract" or (name == "auto" and foreign):
        return TesseractEngine(languages, page_segmentation, timeout_s)
    if foreign:
        raise ServiceError(
            "ocr_language", f"RapidOCR does not read {', '.join(foreign)}", "use the engine tesseract for this language"
        )
    if name == "rapidocr":
        return RapidEngine()
    # A noisy page is read a little worse in strips. Here the other engine reads it again.
    return AutoEngine(TesseractEngine(languages, page_segmentation, timeout_s, in_strips=True), RapidEngine())

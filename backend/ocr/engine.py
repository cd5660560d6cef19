"""What the rest of the product asks of an OCR engine."""

from __future__ import annotations

from typing import Protocol

from PIL import Image

from backend.document.page import Page, Word
from backend.ocr.segments import arrange


class OcrEngine(Protocol):
    """Reads the words of one image; safe to call from several threads."""

    @property
    def identity(self) -> str:
        """Engine, version, languages and settings: equal identities read the same image alike.

        Raises:
            ServiceError: the engine is not installed.
        """

    def read(self, image: Image.Image) -> list[Word]:
        """The words in no promised order, boxes in the pixels of the image given.

        Raises:
            TaskError: this image cannot be read.
            ServiceError: no image can be read.
        """


def read_page(image: Image.Image, engine: OcrEngine) -> Page:
    """The page with its words in reading order; raises what the engine raises."""
    return Page(image.width, image.height, arrange(engine.read(image)))

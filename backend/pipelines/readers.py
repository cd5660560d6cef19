"""The readers of one process: one for each OCR that its projects ask for."""

from __future__ import annotations

import threading

from backend.document.ocr_choice import OcrChoice
from backend.ocr.auto import make_engine
from backend.ocr.cache import OcrCache
from backend.pipelines.reading import READERS, PageReader
from backend.pipelines.turns import ReadingPlaces
from backend.settings import Settings


class Readers:
    """Makes a reader when it is first asked for, and keeps it. All share the cache and take turns with each other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cache = OcrCache(settings.data_dir / "ocr")
        self._places = ReadingPlaces(READERS)
        self._readers: dict[OcrChoice, PageReader] = {}
        self._making = threading.Lock()

    def of(self, choice: OcrChoice) -> PageReader:
        """The reader with this OCR.

        Raises:
            ServiceError: `ocr_language`, `ocr_engine`: there is no such OCR here.
        """
        with self._making:
            if choice not in self._readers:
                self._readers[choice] = self._make(choice)
            return self._readers[choice]

    def _make(self, choice: OcrChoice) -> PageReader:
        engine = make_engine(
            choice.engine,
            languages=choice.languages,
            page_segmentation=self._settings.ocr_page_segmentation,
            timeout_s=self._settings.ocr_timeout_s,
        )
        return PageReader(engine, self._cache, self._settings.max_megapixels * 1_000_000, places=self._places)

"""One reader for each OCR that projects ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.document.ocr_choice import OcrChoice
from backend.errors import ServiceError
from backend.ocr.auto import AutoEngine
from backend.ocr.rapid import RapidEngine
from backend.pipelines.readers import Readers
from backend.settings import Settings
from tests.drawn import DrawnPage
from tests.memorised import png
from tests.tessdata import with_languages


def test_projects_with_the_same_ocr_share_a_reader_and_all_share_cache_and_turns(settings: Settings) -> None:
    readers = Readers(settings)
    english, rapid = readers.of(OcrChoice("auto", "eng")), readers.of(OcrChoice("rapidocr", "eng"))
    assert readers.of(OcrChoice("auto", "eng")) is english
    assert isinstance(english.engine, AutoEngine)
    assert isinstance(rapid.engine, RapidEngine)
    assert (english.cache, english.places) == (rapid.cache, rapid.places)


def test_a_page_is_read_anew_in_other_languages(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn_form: DrawnPage
) -> None:
    monkeypatch.setenv("TESSDATA_PREFIX", str(with_languages(tmp_path / "tessdata", "eng", "deu")))
    readers = Readers(settings)
    data = png(drawn_form.image)
    for languages in ("eng", "deu+eng", "eng"):
        assert readers.of(OcrChoice("tesseract", languages)).read_bytes(data).words
    assert len(list((settings.data_dir / "ocr").rglob("*.json"))) == 2


def test_an_ocr_that_is_not_there_is_told_when_it_is_asked_for(settings: Settings) -> None:
    with pytest.raises(ServiceError, match="RapidOCR does not read deu"):
        Readers(settings).of(OcrChoice("rapidocr", "deu"))

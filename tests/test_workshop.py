"""Which OCR reads the pages of a project: the same for prediction, training, reading ahead and evaluation."""

from __future__ import annotations

from typing import Any

import pytest

from backend.label_studio.config import parse_labeling_config
from backend.ocr.tesseract import TesseractEngine
from backend.settings import Settings
from backend.versions.project import ProjectRecord, save_record
from backend.workshop import Workshop
from tests.memorised import FORMS

STATED = FORMS.replace("<Image ", '<Image ocr_languages="ita" ocr_engine="tesseract" ')


def languages(engine: object) -> str:
    assert isinstance(engine, TesseractEngine)
    return engine.languages


@pytest.fixture
def workshop(settings: Settings) -> Workshop:
    return Workshop(settings)


def remember(settings: Settings, label_config: str, extra: dict[str, Any]) -> None:
    save_record(settings.data_dir, ProjectRecord(3, "http://studio:8080", "t0ken", label_config, extra_params=extra))


def test_a_project_that_states_nothing_is_read_as_the_settings_say(settings: Settings, workshop: Workshop) -> None:
    config = parse_labeling_config(FORMS)
    assert workshop.reader_of(3, config) is workshop.reader
    remember(settings, FORMS, {})
    assert workshop.reader_of(3, config) is workshop.reader


def test_extra_params_and_tags_reach_whoever_reads_pages(settings: Settings, workshop: Workshop) -> None:
    remember(settings, FORMS, {"ocr_languages": "fra", "ocr_engine": "tesseract", "score_threshold": 0.4})
    config = parse_labeling_config(FORMS)
    assert languages(workshop.reader_of(3, config).engine) == "fra"
    assert workshop.reader_of(4, config) is workshop.reader
    assert workshop.steered(3, config).threshold_of("question") == 0.4
    ahead = workshop.ahead(3)
    assert ahead is not None
    assert ahead.reader is workshop.reader_of(3, config)

    remember(settings, STATED, {"ocr_languages": "fra"})
    stated = parse_labeling_config(STATED)
    assert languages(workshop.reader_of(3, stated).engine) == "ita"
    ahead = workshop.ahead(3)
    assert ahead is not None
    assert ahead.reader is workshop.reader_of(3, stated)


def test_training_remembers_its_pages_for_each_ocr(settings: Settings, workshop: Workshop) -> None:
    config, stated = parse_labeling_config(FORMS), parse_labeling_config(STATED)
    remembered = workshop.remembered_pages_of(3, config)
    assert workshop.remembered_pages_of(3, config) is remembered
    assert workshop.remembered_pages_of(3, stated) is not remembered

import json

import pytest

from backend.supervise.notes import start_notes
from tests.conftest import SettingsFactory
from tests.pages.loopback import Listener, reply

READY = {
    "status": "UP",
    "model": {"state": "ready", "reason": None},
    "device": "cpu",
    "base_model": {"name": "starter", "licence": "Apache-2.0", "reason": "no GPU here"},
}


def told(make_settings: SettingsFactory, health: dict[str, object], **environ: str) -> list[str] | None:
    with Listener(lambda asked: reply(json.dumps(health).encode())) as web:
        return start_notes(make_settings(**environ), "127.0.0.1", web.port)


def test_the_base_model_is_named_with_its_licence_and_reason(make_settings: SettingsFactory) -> None:
    (line, *_) = told(make_settings, READY) or []
    assert line == "Base model: starter, licence Apache-2.0 (no GPU here); device: cpu."


def test_nothing_is_told_before_the_base_model_is_known(make_settings: SettingsFactory) -> None:
    assert told(make_settings, {"model": {"state": "loading"}, "base_model": {"name": "auto"}}) is None


def test_a_failure_is_told_instead(make_settings: SettingsFactory) -> None:
    broken = {"model": {"state": "failed", "reason": "base model x is no folder here"}}
    assert "base model x" in "\n".join(told(make_settings, broken) or [])


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "LABEL_STUDIO_API_KEY is not set"),
        ({"LABEL_STUDIO_API_KEY": "k"}, "set LABEL_STUDIO_URL too"),
        ({"OCR_LANGUAGES": "eng+tlh"}, "tesseract-ocr-tlh"),
    ],
)
def test_what_is_missing_is_told(make_settings: SettingsFactory, environ: dict[str, str], expected: str) -> None:
    assert expected in "\n".join(told(make_settings, READY, **environ) or [])


def test_FA36_a_missing_language_is_told_at_the_start_with_its_package(make_settings: SettingsFactory) -> None:
    lines = told(make_settings, READY, OCR_LANGUAGES="eng+tlh") or []
    assert "the Tesseract language 'tlh' is missing: apt install tesseract-ocr-tlh." in lines

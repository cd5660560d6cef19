"""What OCR lacks, asked often."""

from __future__ import annotations

import subprocess
import sys

import pytest

from backend.ocr.installed import ASK_AGAIN_S, RememberedLanguages, ocr_lacks


class Asked:
    """Answers whether languages are missing, and counts how often it is asked."""

    def __init__(self) -> None:
        self.missing: list[str] = []
        self.times = 0

    def __call__(self, languages: str) -> list[str]:
        self.times += 1
        return self.missing


def test_what_is_there_is_asked_once() -> None:
    asked = Asked()
    remembered = RememberedLanguages(asked)
    assert [remembered.missing("eng") for _ in range(3)] == [[], [], []]
    assert asked.times == 1


def test_what_was_missing_is_found_when_it_was_installed() -> None:
    now = 100.0
    asked = Asked()
    asked.missing = ["deu is missing"]
    remembered = RememberedLanguages(asked, clock=lambda: now)
    assert remembered.missing("deu") == ["deu is missing"]
    asked.missing = []
    assert remembered.missing("deu") == ["deu is missing"]
    now += ASK_AGAIN_S
    assert remembered.missing("deu") == []
    assert asked.times == 2


@pytest.mark.parametrize(
    ("engine", "languages", "words"),
    [
        ("auto", "eng", None),
        ("tesseract", "eng+xyz", "apt install tesseract-ocr-xyz"),
        ("rapidocr", "eng", None),
        ("rapidocr", "eng+deu", "RapidOCR does not read deu"),
        ("nobody", "eng", "known are auto, rapidocr, tesseract"),
        ("package.module:Engine", "eng", None),
    ],
)
def test_what_an_engine_lacks(engine: str, languages: str, words: str | None) -> None:
    lacks = ocr_lacks(engine, languages)
    assert (lacks == []) if words is None else (words in " ".join(lacks))


def test_asking_costs_no_import_of_numpy_or_an_ocr_library() -> None:
    code = "import sys, backend.ocr.installed; print({'numpy', 'pytesseract', 'rapidocr'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "set()"

from __future__ import annotations

import shutil

import pytest

from backend.doctor.finding import Level
from backend.doctor.ocr import examine_ocr
from tests.doctor.stand_in import codes


@pytest.fixture
def tesseract() -> None:
    if shutil.which("tesseract") is None:
        pytest.skip("tesseract is not installed")


@pytest.mark.usefixtures("tesseract")
def test_a_missing_language_is_named_with_its_package() -> None:
    program, language = examine_ocr("auto", "eng+qaa_xyz")
    assert program.level is Level.OK
    assert program.found.startswith("tesseract ")
    assert codes([language]) == ["ocr_language_missing"]
    assert "qaa_xyz" in language.found
    assert "apt-get install tesseract-ocr-qaa-xyz" in language.remedy
    assert "OCR_PACKAGES=tesseract-ocr-qaa-xyz" in language.remedy


@pytest.mark.usefixtures("tesseract")
def test_a_program_without_any_wanted_language_is_still_told() -> None:
    assert [finding.level for finding in examine_ocr("tesseract", "qaa")] == [Level.OK, Level.FAILED]


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert codes(list(examine_ocr("auto", "eng+deu"))) == ["ocr_missing"]


@pytest.mark.parametrize(
    ("engine", "languages", "expected"),
    [("rapidocr", "eng", []), ("rapidocr", "deu", ["ocr_setting"]), ("no-such-engine", "eng", ["ocr_setting"])],
)
def test_other_engines_are_looked_up(engine: str, languages: str, expected: list[str]) -> None:
    assert codes(list(examine_ocr(engine, languages))) == expected

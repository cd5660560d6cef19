"""The engine that reads pages, and each language that it is to read."""

from __future__ import annotations

from collections.abc import Iterator

from backend.doctor.causes import finding, passed
from backend.doctor.finding import Finding, Level
from backend.ocr.installed import TESSERACT_ENGINES, missing_languages, ocr_lacks
from backend.ocr.tesseract import TesseractEngine

PROGRAM = "OCR"


def examine_ocr(engine: str, languages: str, project_id: int | None = None) -> Iterator[Finding]:
    """A look at an engine; `auto` needs Tesseract in any case.

    Args:
        engine: as in `OCR_ENGINE`.
        languages: as in `OCR_LANGUAGES`.
        project_id: whose labeling configuration states them; None for the settings.
    """
    if engine not in TESSERACT_ENGINES:
        yield _other_engine(engine, languages, project_id)
        return
    tried = "ran tesseract --list-langs"
    names = languages.split("+")
    missing = {name: sentences[0] for name in names if (sentences := missing_languages(name))}
    programs = [sentence for sentence in missing.values() if "language" not in sentence]
    if programs:
        found = programs[0].partition(":")[0]
        yield finding(Level.FAILED, "ocr_missing", PROGRAM, tried, found, project_id=project_id)
        return
    here = [name for name in names if name not in missing]
    yield passed(PROGRAM, tried, _version(here) + f", languages {', '.join(here) or 'none'}", project_id=project_id)
    for name, sentence in missing.items():
        package = sentence.rpartition(" ")[2]
        found = f"language {name} is not installed"
        yield finding(
            Level.FAILED, "ocr_language_missing", PROGRAM, tried, found, project_id=project_id, package=package
        )


def _version(languages: list[str]) -> str:
    """Name and version of the program, which is asked for them with a language that it has."""
    if not languages:
        return "tesseract starts"
    return " ".join(TesseractEngine(languages[0]).identity.split()[:2])


def _other_engine(engine: str, languages: str, project_id: int | None) -> Finding:
    tried = f"looked for the engine {engine} and its languages"
    lacks = ocr_lacks(engine, languages)
    if lacks:
        return finding(Level.FAILED, "ocr_setting", PROGRAM, tried, "; ".join(lacks), project_id=project_id)
    return passed(PROGRAM, tried, f"{engine} is there, for {languages}", project_id=project_id)

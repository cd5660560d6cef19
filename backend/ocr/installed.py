"""What OCR needs and this machine lacks; asked often, so that what was found is remembered.

Imports neither an OCR library nor numpy: the routes ask it too.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

PROGRAM = "tesseract"
MISSING_PROGRAM = "Tesseract is missing: apt install tesseract-ocr"
PROBE_TIMEOUT_S = 10.0
ASK_AGAIN_S = 10.0
"""How long languages that were not found are believed to be missing."""

TESSERACT_ENGINES = frozenset({"auto", "tesseract"})
BUILT_IN_ENGINES = TESSERACT_ENGINES | {"rapidocr"}
GROUP = "layoutlmv3_backend.ocr_engines"
"""Of entry points: a package that has one in this group is an engine of one's own, under the name of it."""

RAPID_LANGUAGES = frozenset({"eng"})
"""Tesseract's names of the languages that RapidOCR's own models are relied on for."""


def ocr_lacks(engine: str, languages: str) -> list[str]:
    """A sentence, with its remedy, for each thing that this engine lacks here to read these languages (joined by `+`).

    Cheap once everything was there. An engine of one's own is only looked up: what it needs it says when it is loaded.
    """
    if engine in TESSERACT_ENGINES:
        return TESSERACT_LANGUAGES.missing(languages)
    if engine == "rapidocr":
        foreign = foreign_to_rapid(languages)
        return [f"RapidOCR does not read {', '.join(foreign)}: use the engine tesseract"] if foreign else []
    known = installed_engines()
    if ":" in engine or engine in known:
        return []
    return [f"there is no OCR engine {engine!r}: known are {', '.join(sorted(BUILT_IN_ENGINES | known.keys()))}"]


def installed_engines() -> dict[str, EntryPoint]:
    """By name the engines that packages of this environment bring along; none is imported."""
    return {point.name: point for point in entry_points(group=GROUP)}


def foreign_to_rapid(languages: str) -> list[str]:
    """Those of the languages (joined by `+`) that RapidOCR does not read."""
    return sorted(set(languages.split("+")) - RAPID_LANGUAGES)


def missing_languages(languages: str, program: str = PROGRAM) -> list[str]:
    """A sentence for each thing that Tesseract lacks on this machine to read these languages, found out now."""
    try:
        answer = subprocess.run(
            [program, "--list-langs"], capture_output=True, text=True, check=True, timeout=PROBE_TIMEOUT_S
        )
    except FileNotFoundError:
        return [MISSING_PROGRAM]
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as error:
        return [f"Tesseract does not start ({type(error).__name__}): install it anew, apt install tesseract-ocr"]
    installed = {line.strip() for line in answer.stdout.splitlines()}
    return [
        f"the Tesseract language {language!r} is missing: apt install {_package(language)}"
        for language in languages.split("+")
        if language not in installed
    ]


def _package(language: str) -> str:
    """Debian's and Ubuntu's package of a language: `chi_sim` is in `tesseract-ocr-chi-sim`."""
    return "tesseract-ocr-" + language.lower().replace("_", "-").replace("/", "-")


class RememberedLanguages:
    """What Tesseract lacks, remembered: for good where it lacks nothing, else for a while.

    Args:
        ask: finds it out.
        clock: monotonic seconds.
    """

    def __init__(
        self, ask: Callable[[str], list[str]] = missing_languages, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._found: dict[str, tuple[list[str], float]] = {}  # by languages what is missing, and when that was found
        self._lock = threading.Lock()

    def missing(self, languages: str) -> list[str]:
        """As `missing_languages`."""
        with self._lock:
            missing, found_at = self._found.get(languages, ([], float("-inf")))
            if found_at == float("-inf") or (missing and self._clock() >= found_at + ASK_AGAIN_S):
                missing = self._ask(languages)
                self._found[languages] = (missing, self._clock())
            return missing


TESSERACT_LANGUAGES = RememberedLanguages()
"""Of this process."""

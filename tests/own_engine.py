"""A package with an OCR engine of somebody's own, as docs/OCR.md shows it, installed into a folder."""

from __future__ import annotations

from pathlib import Path

from backend.ocr.installed import GROUP

ENGINE_NAME = "greeting"
MODULE = '''
from backend.document.geometry import Box
from backend.document.page import Word


class GreetingEngine:
    """Reads the same two words on every page: a greeting, and the languages it was asked to read."""

    identity = "greeting 1"

    def __init__(self, *, languages, timeout_s):
        self.languages = languages

    def read(self, image):
        height = image.height / 20
        return [
            Word("Hello", Box(10, 10, 110, 10 + height), 0.99),
            Word(self.languages, Box(120, 10, 220, 10 + height), 0.99),
        ]
'''


def install_engine(folder: Path, target: str = "greeting_ocr:GreetingEngine") -> Path:
    """What pip leaves of a package with one entry point; the folder, to be put on Python's path."""
    (folder / "greeting_ocr.py").write_text(MODULE, encoding="utf-8")
    facts = folder / "greeting_ocr-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: greeting-ocr\nVersion: 1.0\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text(f"[{GROUP}]\n{ENGINE_NAME} = {target}\n", encoding="utf-8")
    return folder

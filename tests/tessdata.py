"""Languages for Tesseract that read English: a test of languages needs no packages."""

from __future__ import annotations

import subprocess
from pathlib import Path


def with_languages(folder: Path, *names: str) -> Path:
    """A folder for TESSDATA_PREFIX in which each of these languages is the English one."""
    shown = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True, check=True).stdout
    installed = Path(shown.split('"')[1])
    folder.mkdir()
    for name in names:
        (folder / f"{name}.traineddata").symlink_to(installed / "eng.traineddata")
    for needed in ("configs", "tessconfigs"):
        if (installed / needed).exists():
            (folder / needed).symlink_to(installed / needed)
    return folder

"""Programs that stand in for a broken Tesseract; the working one is always the real one."""

from __future__ import annotations

from pathlib import Path

import pytesseract
import pytest

HEADER = "level page_num block_num par_num line_num word_num left top width height conf text".replace(" ", "\t")


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Make the lines of shell in `body` the OCR program; `$1` is the image, `$2.tsv` where the table is expected."""
    program = folder / "tesseract"
    answer_version = '[ "$1" = --version ] && { echo "tesseract 5.3.0"; exit 0; }'
    program.write_text(f"#!/bin/sh\n{answer_version}\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setattr(pytesseract.pytesseract, "tesseract_cmd", str(program))


def table(*words: tuple[str, float, int, int, int, int]) -> str:
    """Tesseract's table of words given as text, confidence in percent, left, top, width, height."""
    page = "1\t1\t0\t0\t0\t0\t0\t0\t800\t600\t-1\t"
    rows = [
        f"5\t1\t1\t1\t1\t{number}\t{left}\t{top}\t{width}\t{height}\t{confidence}\t{text}"
        for number, (text, confidence, left, top, width, height) in enumerate(words, start=1)
    ]
    return "\n".join([HEADER, page, *rows]) + "\n"


def printing(folder: Path, name: str, content: str) -> str:
    """A line of shell that gives this content as the table."""
    file = folder / name
    file.write_text(content)
    return f'cp "{file}" "$2.tsv"'

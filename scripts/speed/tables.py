"""The figures as Markdown tables, in the file of the last run and in the README."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scripts.bench.tables import table
from scripts.speed.figures import Figure

Json = dict[str, Any]

HEAD = ("what", "measured", "quartiles", "asked", "")
BEGIN, END = "<!-- figures of make bench -->", "<!-- end of figures -->"
DIGITS = 3


def table_of(figures: Sequence[Figure]) -> str:
    """One line for each figure."""
    return table(HEAD, [_row(figure) for figure in figures])


def _row(figure: Figure) -> list[str]:
    quartiles = "" if figure.low is None or figure.high is None else f"{_number(figure.low)} to {_number(figure.high)}"
    verdict = {True: "met", False: "missed", None: ""}[figure.met]
    return [figure.what, f"{_number(figure.value)} {figure.unit}".strip(), quartiles, figure.asked, verdict]


def _number(value: float) -> str:
    """Three digits that count; whole numbers from a hundred on."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.{DIGITS}g}"


def latest(machine: Mapping[str, str | int | float], figures: Sequence[Figure]) -> Json:
    """What is written of a run; numbers as they are shown."""
    return {"machine": dict(machine), "figures": [_shown(figure) for figure in figures]}


def _shown(figure: Figure) -> Json:
    fields = asdict(figure)
    return fields | {
        name: float(_number(fields[name])) for name in ("value", "low", "high") if fields[name] is not None
    }


def readme_table(content: Mapping[str, Any]) -> str:
    """The machine, and the figures for which there is an aim."""
    facts = content["machine"]
    machine = (
        f"{facts['date']}, {facts['cores']} cores of {facts['processor']}, {facts['memory_gb']} GB, "
        f"torch {facts['torch']}, transformers {facts['transformers']}, Tesseract {facts['tesseract']}."
    )
    aimed = [Figure(**fields) for fields in content["figures"] if fields["asked"]]
    return f"{machine}\n\n{table_of(aimed)}"


def write_readme(readme: Path, content: Mapping[str, Any]) -> None:
    """Put the table of a run between the marks in the README."""
    text = readme.read_text(encoding="utf-8")
    between = f"{BEGIN}\n{readme_table(content)}\n{END}"
    readme.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: between, text, flags=re.DOTALL), encoding="utf-8")

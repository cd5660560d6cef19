"""Findings as lines for a terminal, and as JSON."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from backend.doctor.finding import Finding, Level

MARKS = {Level.OK: "ok", Level.WARNING: "WARNING", Level.FAILED: "FAILED", Level.SKIPPED: "skipped"}
COLOURS = {Level.OK: 32, Level.WARNING: 33, Level.FAILED: 31, Level.SKIPPED: 90}
MARK_WIDTH = max(map(len, MARKS.values())) + 2
WIDTH = 110


def finding_lines(finding: Finding, *, colour: bool) -> Iterator[str]:
    """What was looked at, what was tried and what came back; below it, where something is to be done, what to do."""
    mark = MARKS[finding.level].ljust(MARK_WIDTH)
    painted = f"\x1b[{COLOURS[finding.level]}m{mark}\x1b[0m" if colour else mark
    first, *more = _hanging(": ".join(part for part in (finding.check, finding.tried, finding.found) if part))
    yield painted + first.lstrip()
    yield from more
    if finding.remedy:
        yield from _hanging(f"-> {finding.remedy} [{finding.code}]")


def heading(project_id: int | None) -> str:
    """What the findings that follow are about."""
    return "This machine and Label Studio" if project_id is None else f"Project {project_id}"


def summary(findings: Sequence[Finding]) -> str:
    """How many findings there are of each level."""
    counts = Counter(finding.level for finding in findings)
    return ", ".join(f"{counts[level]} {MARKS[level].lower()}" for level in Level if counts[level])


def to_json(finding: Finding) -> dict[str, Any]:
    return asdict(finding)


def _hanging(text: str) -> list[str]:
    """A text in lines as wide as the terminal may be, all but the first set in."""
    # A project's title or an error of Label Studio may hold line breaks and control characters.
    plain = "".join(character if character.isprintable() else " " for character in text)
    margin = " " * MARK_WIDTH
    return textwrap.wrap(
        plain,
        WIDTH,
        initial_indent=margin,
        subsequent_indent=margin + " " * 3,
        break_long_words=False,
        break_on_hyphens=False,
    )

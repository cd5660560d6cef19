"""What a look at one thing came to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, but not as well as it could, or not for long."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """It could not be looked at, because of another finding."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination.

    No attribute ever holds a token, a password or the text of a document.

    Attributes:
        check: a short title of what was looked at.
        tried: what was tried; empty where nothing was.
        found: what came back.
        remedy: what to do about it; empty where nothing is to be done.
        code: stable name of the cause, see docs/DOCTOR.md; empty where all is well.
        project_id: of Label Studio; None for what concerns all projects.
    """

    check: str
    level: Level
    tried: str
    found: str
    remedy: str = ""
    code: str = ""
    project_id: int | None = None

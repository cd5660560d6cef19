"""One project under examination."""

from __future__ import annotations

from dataclasses import dataclass

from backend.doctor.asking import Studio
from backend.pipelines.connection import Connection
from backend.settings import Settings


@dataclass(frozen=True, slots=True)
class Case:
    """What the looks at one project need.

    Attributes:
        studio: answers questions about the project.
        connection: the way on which the product fetches images of this project.
        named: somebody asked for this project by its number.
        fix: the webhook may be made or changed.
        backend_url: this backend as Label Studio reaches it; empty: what Label Studio says.
    """

    settings: Settings
    studio: Studio
    connection: Connection
    project_id: int
    named: bool
    fix: bool
    backend_url: str

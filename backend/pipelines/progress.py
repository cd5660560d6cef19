"""How a run tells what it is doing."""

from __future__ import annotations

from typing import Any, Protocol


class Progress(Protocol):
    """Called as a run goes on.

    Keyword arguments are fields of the run's state: `stage` (export, read, fit, judge), `step`, `steps`, `loss`,
    and `fingerprint` of the annotations that were exported.
    """

    def __call__(self, **fields: Any) -> None: ...

"""How a run tells what it is doing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

Meanwhile = Callable[[], None]
"""Short work that is done between the parts of a long one, which need not be waited for; it raises nothing."""


class Progress(Protocol):
    """Called as a run goes on.

    Keyword arguments are fields of the run's state: `stage` (export, read, fit, judge, report), `step`, `steps`,
    `loss`, and `fingerprint` of the annotations that were exported.
    """

    def __call__(self, **fields: Any) -> None: ...


def nothing_meanwhile() -> None:
    """Where nothing else is to be done."""

"""How a run tells what it is doing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

Meanwhile = Callable[[], None]
"""Short work that is done between the parts of a long one, which need not be waited for; it raises nothing."""

Interruptible = Callable[[], AbstractContextManager[Callable[[], bool]]]
"""Around work that can keep what it has when the process is to end: it is not ended at once then, but asks the function
that the context gives, and raises TrainingStopped when it is done."""


class Progress(Protocol):
    """Called as a run goes on.

    Keyword arguments are fields of the run's state: `stage` (export, read, fit, judge, report), `step`, `steps`,
    `loss`, and `fingerprint` of the annotations that were exported.
    """

    def __call__(self, **fields: Any) -> None: ...


def nothing_meanwhile() -> None:
    """Where nothing else is to be done."""


@contextmanager
def not_interrupted() -> Iterator[Callable[[], bool]]:
    """Where nobody gives work the time to keep what it has."""
    yield lambda: False

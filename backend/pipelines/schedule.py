"""When the steps of a run are due, which somebody else keeps count of: the notes of saved annotations."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from backend.pipelines.progress import not_interrupted


class Schedule(Protocol):
    """Asked and told as a run goes on."""

    def export_begins(self) -> None:
        """What is saved until now will be in the export."""

    def fast_learnt(self, fingerprint: str) -> None:
        """The fast learner has learnt the last export, whose annotations had this fingerprint."""

    def deep_is_due(self) -> bool:
        """Whether the deep learner is to learn in this run too."""

    def deep_learnt(self) -> None:
        """The deep learner has learnt the first export of the run."""

    def news(self) -> bool:
        """Whether the fast learner is to learn again, while the deep one is still being fitted."""

    def put_off(self) -> None:
        """The fast learner could not learn the news; others may come, or these later."""

    def interruptible(self) -> AbstractContextManager[Callable[[], bool]]:
        """See `progress.Interruptible`."""


class AtOnce:
    """Both steps, once: for a run that somebody started by hand."""

    def export_begins(self) -> None: ...

    def fast_learnt(self, fingerprint: str) -> None: ...

    def deep_is_due(self) -> bool:
        return True

    def deep_learnt(self) -> None: ...

    def news(self) -> bool:
        return False

    def put_off(self) -> None: ...

    def interruptible(self) -> AbstractContextManager[Callable[[], bool]]:
        return not_interrupted()

"""The notes of changes as a run asks and tells them: `pipelines.schedule.Schedule` over a project's note."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

from backend.jobs.changes import Changes, mark_deep_trained, mark_ended, mark_failed, mark_trained, read_changes
from backend.jobs.due import deep_due, fast_due
from backend.jobs.stopping import stop_put_off
from backend.settings import Settings
from backend.versions.project import ProjectFolder

LOOK_EVERY_S = 1.0
"""How often a run looks for news: it is asked after each step of an optimizer, of which there may be many a second."""


class RunNotes:
    """The note of a project during one run.

    Args:
        begun: the note as it was read when the run began.
    """

    def __init__(self, settings: Settings, folder: ProjectFolder, begun: Changes) -> None:
        self._settings = settings
        self._folder = folder
        self._begun = begun
        self._seen = begun  # before the last export
        self._learnt = begun  # before the last export that the fast learner has learnt
        self._exported: Changes | None = None
        self._deep_wanted = begun.forced or begun.deep_trained < 0 or deep_due(begun, settings, time.time())
        self._fast_learnt = False
        self._looked_at = float("-inf")
        self._put_off: tuple[int, float] = (-1, 0.0)

    def export_begins(self) -> None:
        self._seen = read_changes(self._folder)
        if self._exported is None:
            self._exported = self._seen

    def fast_learnt(self, fingerprint: str) -> None:
        self._fast_learnt = True
        self._learnt = self._seen
        mark_trained(self._folder, self._seen, fingerprint)

    def deep_is_due(self) -> bool:
        return self._deep_wanted

    def deep_learnt(self) -> None:
        mark_deep_trained(self._folder, self._exported or self._begun)

    def news(self) -> bool:
        if time.monotonic() - self._looked_at < LOOK_EVERY_S:
            return False
        self._looked_at = time.monotonic()
        changes = read_changes(self._folder)
        changed, at = self._put_off
        if changes.changed <= changed and time.monotonic() - at < self._settings.reconcile_s:
            return False
        return fast_due(changes, self._settings, time.time())

    def put_off(self) -> None:
        self._put_off = (self._seen.changed, time.monotonic())
        self._seen = self._learnt

    def interruptible(self) -> AbstractContextManager[Callable[[], bool]]:
        return stop_put_off()

    # The end of the run

    def succeeded(self, fingerprint: str) -> None:
        """All that was due is learnt."""
        if not self._fast_learnt:
            self.fast_learnt(fingerprint)
        mark_ended(self._folder, self._begun)

    def refused(self, fingerprint: str) -> None:
        """There is nothing to gain from trying the same again."""
        if self._fast_learnt:
            self.deep_learnt()
        else:
            mark_trained(self._folder, self._seen, fingerprint)
        self.failed()

    def failed(self, *, retry_from: float | None = None) -> None:
        """The run came to nothing, or not to all."""
        seen = replace(self._seen, asked=self._begun.asked, job=self._begun.job)
        mark_failed(self._folder, seen, retry_from=retry_from)

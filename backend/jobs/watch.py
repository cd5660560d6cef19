"""Notices from outside that a run hangs: in native code no signal reaches Python, and no thread of the process runs."""

from __future__ import annotations

import time
from collections.abc import Callable

from backend.jobs.run_state import Phase, read_run
from backend.settings import Settings
from backend.versions.files import FileState, file_state
from backend.versions.project import ProjectFolder

GRACE_S = 15.0
"""Beyond TRAIN_TIMEOUT_S: a run that can hears of its end before, and tells of it itself."""
PATIENT_STAGES = frozenset({"export"})
"""Stages without progress that are bounded by themselves: how long Label Studio is waited for."""


class RunWatch:
    """Watches the process of one run, from its start on.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, settings: Settings, folder: ProjectFolder, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._began = self._moved_at = clock()
        self._shown: FileState | None = None

    def verdict(self) -> str:
        """Why the process is to be ended, `timeout` or `stalled`; empty while it may go on."""
        now = self._clock()
        if now - self._began > self._settings.train_timeout_s + GRACE_S:
            return "timeout"
        shown = self._look()
        if shown != self._shown or not self._at_work():
            self._shown, self._moved_at = shown, now
        return "stalled" if now - self._moved_at > self._settings.train_stall_s else ""

    def _look(self) -> FileState | None:
        """Changes whenever the run shows progress."""
        try:
            return file_state(self._folder.run)
        except OSError:
            return None

    def _at_work(self) -> bool:
        """Whether a run is under way in which something should move."""
        run = read_run(self._folder)
        return run is not None and run.state is Phase.RUNNING and run.stage not in PATIENT_STAGES

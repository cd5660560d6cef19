"""Waiting for moments of a run that last milliseconds, by looking at the data folder again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from backend.jobs.run_state import Phase, read_run
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from scripts.soak.plan import CHECKPOINT, PROMOTE, RENAME, SAVE, STAGES

LOOK_EVERY_S = 0.001


def wait_for(aim: str, folders: Sequence[ProjectFolder], patience_s: float, may_come: Callable[[], bool]) -> bool:
    """Return when the moment has come in one of the projects; false when it did not in time.

    Args:
        may_come: the moment does not count while it says no.
    """
    watched = [_watch(aim, folder) for folder in folders]
    last_look = time.monotonic() + patience_s
    while time.monotonic() < last_look:
        counts = may_come()
        # Each is looked at, so that what passed while it could not count is not taken for news.
        came = [has_come() for has_come in watched]
        if counts and any(came):
            return True
        time.sleep(LOOK_EVERY_S)
    return False


def _watch(aim: str, folder: ProjectFolder) -> Callable[[], bool]:
    """Says whether the moment came since it was asked last."""
    if aim in STAGES:
        return _News(lambda: _stage(folder), lambda stage: stage == aim)
    if aim == SAVE:
        return _News(lambda: _names(folder.versions, ".tmp-*"), bool)
    if aim == CHECKPOINT:
        return _News(lambda: _names(folder.runs, "*/**/*"), bool)
    store = VersionStore(folder)
    if aim == RENAME:
        return _News(store.numbers, bool)
    if aim == PROMOTE:
        return _News(store.current, bool)
    raise ValueError(f"there is no moment {aim!r}")


class _News:
    """Whether what can be seen has changed, to something that counts."""

    def __init__(self, see: Callable[[], object], counts: Callable[[object], bool]) -> None:
        self._see = see
        self._counts = counts
        self._seen = see()

    def __call__(self) -> bool:
        seen, self._seen = self._seen, self._see()
        return self._seen != seen and self._counts(self._seen)


def _stage(folder: ProjectFolder) -> str:
    run = read_run(folder)
    return run.stage if run is not None and run.state is Phase.RUNNING else ""


def _names(folder: Path, pattern: str) -> frozenset[str]:
    try:
        return frozenset(str(path) for path in folder.glob(pattern))
    except OSError:  # it went away while it was looked at
        return frozenset()

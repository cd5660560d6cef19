"""When a project's learners are to learn, by its note of changes."""

from __future__ import annotations

from backend.jobs.changes import Changes
from backend.settings import Settings


def due(changes: Changes, settings: Settings, now: float) -> bool:
    """Whether a run is to start now.

    Args:
        now: seconds since the epoch. A clock that was set back never delays a run.
    """
    return changes.forced or fast_due(changes, settings, now) or deep_due(changes, settings, now)


def fast_due(changes: Changes, settings: Settings, now: float) -> bool:
    """Whether the fast learner is to learn now: some seconds after each change, when no other follows."""
    if not changes.pending or _held(changes, settings, now):
        return False
    quiet = _since(changes.last_at, now) >= settings.train_quiet_s
    return quiet or _since(changes.first_at, now) >= settings.train_longest_delay_s


def deep_due(changes: Changes, settings: Settings, now: float) -> bool:
    """Whether the deep learner is to learn now: after several changes, or when the first has waited for long."""
    if not settings.fits_deep or not changes.deep_pending or _held(changes, settings, now):
        return False
    enough = changes.deep_pending >= settings.train_min_annotations
    quiet = _since(changes.last_at, now) >= settings.train_quiet_s
    return (enough and quiet) or _since(changes.deep_first_at, now) >= settings.train_longest_delay_s


def _held(changes: Changes, settings: Settings, now: float) -> bool:
    """Whether a run would only repeat one that failed or was refused."""
    if changes.changed > changes.held:
        return False
    return changes.retry_from is None or _since(changes.retry_from, now) < settings.reconcile_s


def _since(moment: float | None, now: float) -> float:
    """Seconds since a moment; endless for one that is unknown or, by a changed clock, still to come."""
    return now - moment if moment is not None and moment <= now else float("inf")

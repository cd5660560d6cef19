"""A token that Label Studio refused: trying the same again at once only fills its log."""

from __future__ import annotations

import hashlib

from backend.jobs.run_state import RunState
from backend.jobs.waiting import EARLY_S
from backend.settings import Settings
from backend.versions.project import ProjectFolder, load_record

LETTERS = 16


def refused_lately(settings: Settings, folder: ProjectFolder, last: RunState, now: float) -> bool:
    """Whether the last run was refused with the token that there still is, and the timer has not run since.

    Args:
        now: seconds since the epoch. A clock that was set back holds nothing up.
    """
    if not last.refused_key or last.ended is None or last.refused_key != key_digest(settings, folder):
        return False
    return 0 <= now - last.ended < settings.reconcile_s - EARLY_S


def key_digest(settings: Settings, folder: ProjectFolder) -> str:
    """Tells the ways to Label Studio apart without saying what the token is."""
    record = load_record(folder)
    way = [settings.label_studio_url, settings.label_studio_api_key]
    way += [record.hostname, record.access_token] if record else []
    return hashlib.sha256("\0".join(way).encode()).hexdigest()[:LETTERS]

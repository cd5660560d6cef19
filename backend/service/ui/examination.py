"""The doctor's examination as the page shows it: in the background, one at a time, bounded."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from backend.doctor.finding import Finding
from backend.settings import Settings

log = logging.getLogger(__name__)

LONGEST_S = 120.0
"""No further finding is waited for after this time."""
FRESH_S = 30.0
"""Younger findings are shown again, instead of looking anew with each visit."""

Examine = Callable[[Settings], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class ExaminationView:
    """What is found so far.

    Attributes:
        at: when the look began, in seconds since the epoch; None before the first one.
        running: whether there is more to come.
        trouble: why it ended early; empty where it did not.
    """

    findings: tuple[Finding, ...] = ()
    at: float | None = None
    running: bool = False
    trouble: str = ""


def examine_everything(settings: Settings) -> Iterable[Finding]:
    """The real examination, imported when it is asked for: it takes half a second, which no start has to spare."""
    found: Iterable[Finding] = importlib.import_module("backend.doctor.examine").examine(settings)
    return found


class Examination:
    """Keeps the latest findings."""

    def __init__(self, settings: Settings, examine: Examine = examine_everything) -> None:
        self._settings = settings
        self._examine = examine
        self._view = ExaminationView()
        self._changing = threading.Lock()

    def view(self) -> ExaminationView:
        return self._view

    def look(self, *, fresh_s: float = FRESH_S) -> None:
        """Begin a new look in the background, unless one is at work or the last is younger than this."""
        with self._changing:
            at = self._view.at
            if self._view.running or (at is not None and time.time() - at < fresh_s):
                return
            self._view = ExaminationView(at=time.time(), running=True)
            threading.Thread(target=self._run, name="examination", daemon=True).start()

    def _run(self) -> None:
        last_moment = time.monotonic() + LONGEST_S
        trouble = ""
        try:
            for finding in self._examine(self._settings):
                self._tell((*self._view.findings, finding))
                if time.monotonic() > last_moment:
                    trouble = f"ended after {LONGEST_S:.0f} s"
                    break
        except Exception:  # whatever it is, the page says so
            log.exception("the examination failed")
            trouble = "ended by a defect in the backend; its log has the details"
        self._tell(self._view.findings, running=False, trouble=trouble)

    def _tell(self, findings: tuple[Finding, ...], *, running: bool = True, trouble: str = "") -> None:
        self._view = ExaminationView(findings, self._view.at, running, trouble)

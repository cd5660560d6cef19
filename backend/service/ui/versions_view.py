"""The versions of a project as the page lists them, from their manifests and the history; no weights are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.errors import VersionError
from backend.versions.store import VersionStore, version_name

EVENTS = {"promoted": "served before", "rolled back": "served before", "refused": "refused"}
LEARNERS = {"fast": "fast learner", "deep": "LayoutLMv3"}


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version of a project.

    Attributes:
        f1: on pages that it had not learnt, of which there were `judged`; None where nothing was judged.
        status: `live`, `served before`, `refused` or `kept`.
        reason: why it was promoted or refused; empty where nobody wrote that down.
        damage: why it cannot be served; empty where its manifest is well.
    """

    number: int
    name: str
    created: str = ""
    learners: str = ""
    base_model: str = ""
    licence: str = ""
    pages: int = 0
    f1: float | None = None
    judged: int = 0
    status: str = "kept"
    reason: str = ""
    damage: str = ""


@dataclass(frozen=True, slots=True)
class VersionsView:
    """The versions, newest first; `back_to` is the one that a roll-back goes to, None where there is none."""

    rows: tuple[VersionRow, ...]
    live: int | None
    back_to: int | None

    @property
    def served(self) -> VersionRow | None:
        return next((row for row in self.rows if row.number == self.live), None)


def versions_view(store: VersionStore) -> VersionsView:
    """The versions of a project.

    Raises:
        OSError: its folder cannot be read.
        ValueError, TypeError, KeyError, AttributeError: the history is not as training runs write it.
    """
    live = store.current()
    last = {line["version"]: line for line in store.history()}
    numbers = store.numbers()
    rows = tuple(_row(store, number, last.get(number, {}), live) for number in reversed(numbers))
    back_to = next((number for number in store.served_before() if number in numbers), None)
    return VersionsView(rows, live, back_to)


def _row(store: VersionStore, number: int, last: Mapping[str, Any], live: int | None) -> VersionRow:
    name = version_name(number)
    status = "live" if number == live else EVENTS.get(str(last.get("event")), "kept")
    reason = str(last.get("reason", ""))
    try:
        return _described(store.manifest(number), number, status, reason)
    except VersionError as error:
        return VersionRow(number, name, status=status, reason=reason, damage=error.message)
    except (ValueError, TypeError, KeyError, AttributeError):
        return VersionRow(number, name, status=status, reason=reason, damage=f"{name} is damaged: its manifest is odd")


def _described(manifest: Mapping[str, Any], number: int, status: str, reason: str) -> VersionRow:
    estimate = manifest.get("estimate") or {}
    judged = len(estimate.get("tasks", ()))
    return VersionRow(
        number,
        version_name(number),
        created=str(manifest.get("created", "")),
        learners=" + ".join(LEARNERS.get(str(one), str(one)) for one in manifest.get("learners", ())),
        base_model=str(manifest.get("base_model") or ""),
        licence=str(manifest.get("base_model_licence") or ""),
        pages=len(manifest.get("trained_on", ())),
        f1=float(estimate["f1"]) if judged else None,
        judged=judged,
        status=status,
        reason=reason,
    )

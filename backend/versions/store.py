"""The model versions of a project: complete and verified, or not there.

A version is written aside in `versions/.tmp-*`, gets a manifest with the size and SHA-256 of each file and is renamed
to `versions/<n>`. `current` names the one that is served; `history.jsonl` tells why.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import VersionError
from backend.versions.files import sync, write_atomic
from backend.versions.locks import is_locked, locked
from backend.versions.manifest import UNTRAINED, read_manifest, verify_files, version_name, write_manifest
from backend.versions.project import ProjectFolder
from backend.versions.reports import prune_reports

__all__ = ["UNTRAINED", "Servable", "VersionStore", "version_name"]

LOG = logging.getLogger(__name__)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Servable:
    """What can be served.

    Attributes:
        number: None when no version can.
        faults: why it is not the current version, one sentence for each version that was passed over.
    """

    number: int | None
    faults: tuple[str, ...] = ()


class VersionStore:
    """The versions of one project. Holds nothing in memory: each answer is read from the disk."""

    def __init__(self, folder: ProjectFolder, clock: Callable[[], float] = time.time) -> None:
        self.project = folder
        self._clock = clock

    # What is there

    def current(self) -> int | None:
        """The version that is to be served; None before the first promotion."""
        try:
            text = self.project.current.read_text(encoding="ascii", errors="replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if _is_number(text):
            return int(text)
        LOG.error("current is damaged, history is asked", extra={"project": self.project.project_id})
        return next(iter(reversed(self._served())), None)

    def numbers(self) -> list[int]:
        """The versions on disk, oldest first."""
        try:
            return sorted(int(entry.name) for entry in self.project.versions.iterdir() if _is_number(entry.name))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def folder(self, number: int) -> Path:
        return self.project.versions / str(number)

    def manifest(self, number: int) -> Json:
        """What is known of a version: its files, parent, time and the facts it was published with.

        Raises:
            VersionError: `version_missing`, `version_damaged`, or `version_too_new` for a newer release's format.
        """
        return read_manifest(self.folder(number), number)

    def verify(self, number: int) -> None:
        """Compare each file of a version with its manifest.

        Raises:
            VersionError: as `manifest` does, and `version_damaged` for a file that is missing or differs.
        """
        verify_files(self.folder(number), number)

    def servable(self) -> int | None:
        """The current version if it is whole, else the newest older one that is; None when there is none."""
        return self.inspect().number

    def inspect(self) -> Servable:
        """`servable` with the reasons. Reads every file of the version: seconds for a large one."""
        current = self.current()
        if current is None:
            return Servable(None)
        older = [number for number in self.numbers() if number < current]
        served = set(self._served())
        # A version that was once served comes before one that lost its comparison.
        older.sort(key=lambda number: (number in served, number), reverse=True)
        faults: list[str] = []
        for number in (current, *older):
            try:
                self.verify(number)
            except VersionError as error:
                faults.append(error.message)
                LOG.error(
                    "version cannot be served",
                    extra={"project": self.project.project_id, "version": version_name(number), "cause": error.message},
                )
            else:
                return Servable(number, tuple(faults))
        return Servable(None, tuple(faults))

    def history(self) -> list[Json]:
        """Promotions, refusals and roll-backs with their reasons, oldest first."""
        lines: list[Json] = []
        for text in self._history_text().splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict) and isinstance(line.get("version"), int):
                lines.append(line)
        return lines

    def served_before(self) -> list[int]:
        """The versions that were served before the current one, newest first: where a roll-back goes to."""
        current, served = self.current(), self._served()
        earlier = served[: served.index(current)] if current in served else served
        return earlier[::-1]

    # What changes it

    @contextmanager
    def stage(self) -> Iterator[Path]:
        """An empty folder aside for a new version; it is gone afterwards unless `publish` took it.

        It is locked while in use, so that `clean` of another process leaves it alone.
        """
        with ExitStack() as in_use:
            with self._lock():
                staged = self.project.versions / f".tmp-{secrets.token_hex(8)}"
                staged.mkdir()
                in_use.enter_context(locked(staged, patience_s=0))
            try:
                yield staged
            finally:
                shutil.rmtree(staged, ignore_errors=True)

    def publish(self, staged: Path, facts: Json) -> int:
        """Make a staged folder the next version. It is not served before `promote`.

        Args:
            facts: what is to be known of it; goes into the manifest.

        Returns:
            Its number, greater than any number given before.
        """
        with self._lock():
            number = self._take_number()
            origin = {"version": number, "parent": self.current(), "created": self._now()}
            write_manifest(staged, facts | origin)
            staged.rename(self.folder(number))
            sync(self.project.versions)
        return number

    def promote(self, number: int, reason: str) -> None:
        """Serve a version from now on.

        Raises:
            VersionError: it is not whole; the version served so far stays.
        """
        self._serve(number, "promoted", reason)

    def refuse(self, number: int, reason: str) -> None:
        """Note why a version is kept and not served."""
        with self._lock():
            self._append("refused", number, reason)

    def rollback(self, reason: str) -> int:
        """Serve the version that was served before the current one; its number.

        Raises:
            VersionError: `no_earlier_version`.
        """
        for number in self.served_before():
            try:
                self._serve(number, "rolled back", reason)
            except VersionError as error:
                LOG.warning("passed over in a roll-back", extra={"version": number, "cause": error.message})
            else:
                return number
        raise VersionError(
            "no_earlier_version", "no earlier version was served or is left", "promote one by its number"
        )

    def prune(self, keep: int) -> None:
        """Remove all versions but the one that is served and the `keep` newest others, and with them their reports."""
        with self._lock():
            served = {self.current(), self.servable()}
            others = [number for number in self.numbers() if number not in served]
            for number in others[: max(0, len(others) - keep)]:
                # Renamed first: a version that is half removed must not be listed.
                aside = self.project.versions / f".tmp-{secrets.token_hex(8)}"
                self.folder(number).rename(aside)
                shutil.rmtree(aside, ignore_errors=True)
            prune_reports(self.project, set(self.numbers()))

    def clean(self) -> None:
        """Remove what killed processes left aside."""
        with self._lock():
            for left in self.project.versions.glob(".tmp-*"):
                if not is_locked(left):
                    shutil.rmtree(left, ignore_errors=True)

    # Inside

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with locked(self.project.versions / ".lock"):
            yield

    def _now(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock()))

    def _take_number(self) -> int:
        """The next number; written down before it is used, so that it never comes again."""
        counter = self.project.versions / ".last"
        text = counter.read_text(encoding="ascii", errors="replace").strip() if counter.exists() else "0"
        given = [int(text) if _is_number(text) else 0, *self.numbers(), *(line["version"] for line in self.history())]
        number: int = max(given) + 1
        write_atomic(counter, str(number).encode("ascii"))
        return number

    def _serve(self, number: int, event: str, reason: str) -> None:
        with self._lock():
            self.verify(number)
            write_atomic(self.project.current, str(number).encode("ascii"))
            self._append(event, number, reason)

    def _append(self, event: str, number: int, reason: str) -> None:
        line = json.dumps(
            {"time": self._now(), "event": event, "version": number, "reason": reason}, ensure_ascii=False
        )
        write_atomic(self.project.history, f"{self._history_text()}{line}\n".encode())

    def _history_text(self) -> str:
        try:
            text = self.project.history.read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            return ""
        return text if not text or text.endswith("\n") else text + "\n"

    def _served(self) -> list[int]:
        """The versions served, oldest first; a roll-back takes those after its target off the list."""
        served: list[int] = []
        for line in self.history():
            number = line["version"]
            if line.get("event") == "promoted":
                served = [*(known for known in served if known != number), number]
            elif line.get("event") == "rolled back" and number in served:
                del served[served.index(number) + 1 :]
        return served


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[1-9][0-9]{0,11}", text, re.ASCII) is not None

"""The versions of the projects, watched on disk: each that is listed or served must be whole."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from threading import Lock

from backend.errors import VersionError
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from scripts.soak.ledger import PARTIAL, WRONG, Ledger


class VersionWatch:
    """What was ever listed and live; safe to use from several threads."""

    def __init__(self, data_dir: Path, projects: list[int], ledger: Ledger) -> None:
        self._stores = {project: VersionStore(ProjectFolder(data_dir, project)) for project in projects}
        self._ledger = ledger
        self._whole: dict[int, set[int]] = defaultdict(set)
        self._told: set[tuple[int, int]] = set()
        self._live: dict[int, set[int]] = defaultdict(set)
        self._lock = Lock()

    def look(self) -> None:
        """Note the live versions, and verify those that are new."""
        for project, store in self._stores.items():
            live = store.current()
            if live is not None:
                self._live[project].add(live)
            for number in store.numbers():
                self.listed(project, number)

    def is_trained(self, project: int) -> bool:
        """Whether a version of the project was ever seen live."""
        return bool(self._live[project])

    def count(self) -> int:
        """Versions that were ever listed."""
        return sum(map(len, self._whole.values()))

    def listed(self, project: int, number: int) -> None:
        """Verify a version that is listed somewhere."""
        with self._lock:
            if number in self._whole[project] or (project, number) in self._told:
                return
            store = self._stores[project]
            try:
                store.verify(number)
            except VersionError as error:
                # One that was pruned since is gone as a whole.
                if store.folder(number).exists() or number > max(store.numbers(), default=0):
                    self._told.add((project, number))
                    self._ledger.fault(PARTIAL, f"project {project}: {error.message}")
            else:
                self._whole[project].add(number)

    def served(self, project: int, number: int) -> None:
        """Verify a version that an answer names; it must have been promoted too."""
        self.listed(project, number)
        if number not in self._whole[project]:
            self._ledger.fault(PARTIAL, f"project {project} was answered by v{number}, which is not whole")
        if number in self._live[project]:
            return
        store = self._stores[project]
        promoted = {line["version"] for line in store.history() if line.get("event") == "promoted"}
        if number not in promoted | {store.current()}:
            self._ledger.fault(WRONG, f"project {project} was answered by v{number}, which was never promoted")

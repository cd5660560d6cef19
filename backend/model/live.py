"""The model versions that this process serves, one per project, kept under a memory budget."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from backend.model.tagger import PageTagger, load_tagger
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore, version_name

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedVersion:
    """A version in memory: an answer is wholly of one of these."""

    number: int
    tagger: PageTagger

    @property
    def name(self) -> str:
        return version_name(self.number)


class LiveModels:
    """Gives the live version of each project; follows the `current` file, so that a promotion needs no restart.

    Attributes:
        loaded_bytes: by project the memory of its version's weights. Replaced as a whole, so that it can be read while
            another thread loads a version, which takes seconds.
    """

    def __init__(self, data_dir: Path, device: torch.device, budget_bytes: int) -> None:
        self.data_dir = data_dir
        self.device = device
        self.budget_bytes = budget_bytes
        self._loaded: OrderedDict[int, LoadedVersion | None] = OrderedDict()  # least recently used first
        self._decided_for: dict[int, int | None] = {}  # by project: the content of `current` that was last looked into
        self._lock = threading.Lock()
        self.loaded_bytes: Mapping[int, int] = {}

    def get(self, project_id: int) -> LoadedVersion | None:
        """The live version of a project, loaded if need be; None for a project without one.

        A version that another request is using stays alive until that request ends, then its memory goes.
        """
        store = VersionStore(ProjectFolder(self.data_dir, project_id))
        current = store.current()
        if current is None:
            return None
        with self._lock:
            if project_id not in self._loaded or self._decided_for.get(project_id) != current:
                self._loaded[project_id] = self._follow(store, self._loaded.get(project_id))
                self._decided_for[project_id] = current
            self._loaded.move_to_end(project_id)
            self._shrink()
            self.loaded_bytes = {number: known.tagger.bytes for number, known in self._loaded.items() if known}
            return self._loaded[project_id]

    def _follow(self, store: VersionStore, known: LoadedVersion | None) -> LoadedVersion | None:
        """The version to serve now: the current one, or an older one when that is damaged."""
        number = store.servable()
        if number is None:
            return None
        if known is not None and known.number == number:
            return known
        loaded = LoadedVersion(number, load_tagger(store.folder(number), self.device))
        LOG.info("version loaded", extra={"project": store.project.project_id, "version": loaded.name})
        return loaded

    def _shrink(self) -> None:
        """Let go of the projects used longest ago until the rest fits; the newest always stays."""
        while len(self._loaded) > 1 and self._bytes() > self.budget_bytes:
            project_id, dropped = self._loaded.popitem(last=False)
            if dropped is not None:
                LOG.info("version unloaded", extra={"project": project_id, "version": dropped.name})

    def _bytes(self) -> int:
        return sum(loaded.tagger.bytes for loaded in self._loaded.values() if loaded is not None)

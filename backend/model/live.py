"""The model versions that this process serves, one per project, kept under a memory budget."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from backend.errors import VersionError
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


@dataclass(slots=True)
class Served:
    """What is served of a project.

    Attributes:
        decided_for: content of `current` that was last looked into; None before the first look.
        version: None when no version can be served.
        loading: held while it is looked into, which takes seconds where a version has to be loaded.
    """

    decided_for: int | None = None
    version: LoadedVersion | None = None
    loading: threading.Lock = field(default_factory=threading.Lock)


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
        self._served: OrderedDict[int, Served] = OrderedDict()  # least recently used first
        self._lock = threading.Lock()
        # transformers sets torch's default number format for the whole process while it loads: two loads at a time
        # could leave that of the one that began first.
        self._one_load = threading.Lock()
        self._followed: dict[int, int | None] = {}  # by project what `follow` tried last
        self.loaded_bytes: Mapping[int, int] = {}

    def get(self, project_id: int) -> LoadedVersion | None:
        """The live version of a project, loaded if need be; None for a project without one.

        The first version of a project is waited for by all its requests; of a later one only the caller that loads it,
        which is `follow` as a rule, while others are given the version before. A version that another request is using
        stays alive until that request ends, then its memory goes.
        """
        store = VersionStore(ProjectFolder(self.data_dir, project_id))
        current = store.current()
        if current is None:
            return None
        served = self._used(project_id)
        if served.version is not None and served.decided_for != current and served.loading.locked():
            return served.version
        with served.loading:
            if served.decided_for != current:
                served.version = self._follow(store, served.version)
                served.decided_for = current
            version = served.version
        self._keep(project_id, served)
        return version

    def follow(self) -> None:
        """Load what was promoted since it was last looked, for the projects that are served: no request has to."""
        for project_id, served in list(self._served.items()):
            try:
                current = VersionStore(ProjectFolder(self.data_dir, project_id)).current()
                if current not in (served.decided_for, self._followed.get(project_id)):
                    self._followed[project_id] = current  # tried once: what cannot be loaded takes seconds each time
                    self.get(project_id)
            except (VersionError, OSError, MemoryError) as error:  # told to whoever asks for a page next
                LOG.debug("not followed", extra={"project": project_id, "cause": type(error).__name__})

    def _used(self, project_id: int) -> Served:
        """What is served of a project, to be looked into under its own lock; now the one used last."""
        with self._lock:
            served = self._served.setdefault(project_id, Served())
            self._served.move_to_end(project_id)
            return served

    def _follow(self, store: VersionStore, known: LoadedVersion | None) -> LoadedVersion | None:
        """The version to serve now: the current one, or an older one when that is damaged or cannot be loaded."""
        number = store.servable()
        if number is None:
            return None
        older = [earlier for earlier in reversed(store.numbers()) if earlier < number]
        for candidate in (number, *older):
            if known is not None and known.number == candidate:
                return known
            try:
                if candidate != number:  # that one was looked into just now, which takes longest of all
                    store.verify(candidate)
                return self._load(store, candidate)
            except VersionError as error:
                facts = {"project": store.project.project_id, "version": version_name(candidate)}
                LOG.error("version cannot be served", extra={**facts, "code": error.code, "cause": error.message})
        return None

    def _load(self, store: VersionStore, number: int) -> LoadedVersion:
        with self._one_load:
            loaded = LoadedVersion(number, load_tagger(store.folder(number), self.device))
        LOG.info("version loaded", extra={"project": store.project.project_id, "version": loaded.name})
        return loaded

    def _keep(self, project_id: int, served: Served) -> None:
        """Let go of the projects used longest ago until the rest fits; this one stays.

        One that is being loaded is passed over: its own request comes here too.
        """
        with self._lock:
            self._served[project_id] = served
            self._served.move_to_end(project_id)
            for number, known in list(self._served.items())[:-1]:
                if sum(self._bytes().values()) <= self.budget_bytes:
                    break
                if known.version is not None and not known.loading.locked():
                    del self._served[number]
                    LOG.info("version unloaded", extra={"project": number, "version": known.version.name})
            self.loaded_bytes = self._bytes()

    def _bytes(self) -> dict[int, int]:
        return {number: served.version.tagger.bytes for number, served in self._served.items() if served.version}

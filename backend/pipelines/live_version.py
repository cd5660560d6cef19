"""The live version of a project, as training meets it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from backend.errors import VersionError
from backend.model.tagger import PageTagger, load_tagger
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """The live version as it is compared, where it lies, and what its manifest tells."""

    tagger: PageTagger
    folder: Path
    manifest: dict[str, Any]

    @property
    def trained_on(self) -> frozenset[int]:
        """The tasks that it, as it is compared, has learnt."""
        return frozenset(self.manifest.get("trained_on", ()))

    @property
    def deep_trained_on(self) -> frozenset[int]:
        """The tasks that its deep learner has learnt."""
        return frozenset(self.manifest.get("deep_trained_on", self.trained_on))


def live_version(project: ProjectFolder, device: torch.device) -> LiveVersion | None:
    """The live version of the project; None when there is none that works."""
    store = VersionStore(project)
    number = store.servable()
    if number is None:
        return None
    try:
        tagger = load_tagger(store.folder(number), device, as_judged=True)
        return LiveVersion(tagger, store.folder(number), store.manifest(number))
    except VersionError as error:
        LOG.error("the live version does not load", extra={"version": number, "code": error.code})
        return None

"""From learners to a version: saved aside, tried, judged, published, and promoted when it is not worse."""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from backend.errors import TrainingRefused, VersionError
from backend.model.base_models import BaseModel
from backend.model.tagger import PageTagger, load_tagger, save_tagger
from backend.pipelines.annotated import TrainingSet
from backend.pipelines.gate import LEAST_COMPARED, Champion, Verdict, judge
from backend.pipelines.progress import Progress
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore, version_name

LOG = logging.getLogger(__name__)

TRY_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Offers:
    """The versions that one run offers to its project."""

    project: ProjectFolder
    base: BaseModel
    pages: TrainingSet
    device: torch.device
    progress: Progress

    def may_be_lesser(self) -> bool:
        """Whether a version of one learner may be offered: none is live yet, or the gate has pages to decide on."""
        champion = self._champion()
        return champion is None or len(champion.unseen(self.pages.held_out)) >= LEAST_COMPARED

    def make(self, tagger: PageTagger, facts: dict[str, Any]) -> tuple[int, Verdict]:
        """The number of the new version, and whether it is served from now on.

        Args:
            facts: what the manifest is to tell of it, besides what is true of every version of the run.

        Raises:
            TrainingRefused: `version_damaged`: what was saved does not work; it is not published.
        """
        self.progress(stage="judge")
        store = VersionStore(self.project)
        with store.stage() as staged:
            save_tagger(tagger, staged)
            _try_in_fresh_process(staged)
            verdict = judge(load_tagger(staged, self.device), self._champion(), self.pages.held_out)
            number = store.publish(staged, self._facts() | facts | {"metrics": verdict.metrics})
        if verdict.promote:
            store.promote(number, verdict.reason)
        else:
            store.refuse(number, verdict.reason)
        about = {"project": self.project.project_id, "version": version_name(number), "learners": facts["learners"]}
        LOG.info("version made", extra={**about, "promoted": verdict.promote, "reason": verdict.reason})
        return number, verdict

    def prune(self, keep: int) -> None:
        """Remove all versions but the live one and the `keep` newest others."""
        VersionStore(self.project).prune(keep)

    def _facts(self) -> dict[str, Any]:
        return {
            "base_model": self.base.name,
            "base_model_licence": self.base.licence,
            "labels": list(self.pages.label_set.names),
            "trained_on": [task.task_id for task in self.pages.learn_from],
            "held_out": [task.task_id for task in self.pages.held_out],
        }

    def _champion(self) -> Champion | None:
        """The live version; None when there is none that works."""
        store = VersionStore(self.project)
        number = store.servable()
        if number is None:
            return None
        try:
            tagger = load_tagger(store.folder(number), self.device)
        except VersionError as error:
            LOG.error("the live version does not load", extra={"version": number, "code": error.code})
            return None
        return Champion(tagger, frozenset(store.manifest(number).get("trained_on", ())))


def _try_in_fresh_process(staged: Path) -> None:
    """Load the saved version and predict a page where nothing of this process can help.

    Raises:
        TrainingRefused: `version_damaged`.
    """
    command = [sys.executable, "-m", "backend", "try-version", str(staged)]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=TRY_TIMEOUT_S)
    if tried.returncode != 0:
        LOG.error("the saved version does not work", extra={"output": tried.stderr[-2000:]})
        raise TrainingRefused("version_damaged", "the saved version does not load in a fresh process", "see the log")

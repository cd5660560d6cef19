"""From learners to a version: saved aside, tried, judged, published, and promoted when it is not worse."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from backend.errors import TrainingRefused
from backend.model.base_models import BaseModel
from backend.model.crf import CrfTagger
from backend.model.tagger import PageTagger, load_tagger, save_tagger
from backend.pipelines.annotated import TrainingSet
from backend.pipelines.gate import LEAST_COMPARED, Champion, Estimate, Verdict, judge
from backend.pipelines.known import KnowingTagger, KnownProbabilities
from backend.pipelines.live_version import live_version
from backend.pipelines.progress import Progress
from backend.pipelines.tuning import tuned
from backend.training.judged import JudgedTask
from backend.versions.project import ProjectFolder
from backend.versions.space import full_disk_named
from backend.versions.store import VersionStore, version_name

LOG = logging.getLogger(__name__)

TRY_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Offers:
    """The versions that one run offers to its project.

    Attributes:
        cross: cross-validated tasks; none where there is no time for them.
        least_precision: of the regions proposed of a label this share or more is to be right; 0 for no such bound.
        known: what learners made of the pages so far.
    """

    project: ProjectFolder
    base: BaseModel
    pages: TrainingSet
    device: torch.device
    progress: Progress
    cross: Sequence[JudgedTask] = ()
    least_precision: float = 0.0
    known: KnownProbabilities = field(default_factory=KnownProbabilities)

    def may_be_lesser(self) -> bool:
        """Whether a version of one learner may be offered: none is live yet, or the gate has pages to decide on."""
        champion = self._champion()
        return champion is None or len(champion.unseen(self.pages.held_out)) >= LEAST_COMPARED

    def make(
        self,
        tagger: PageTagger,
        facts: dict[str, Any],
        *,
        refitted: CrfTagger | None = None,
        deep_from: Path | None = None,
        try_fresh: bool = True,
    ) -> tuple[int, Verdict]:
        """The number of the new version, and whether it is served from now on.

        Args:
            facts: what the manifest is to tell of it, besides what is true of every version of the run: its `learners`
                and the tasks that they were `trained_on` above all.
            refitted: the fast learner fitted to the held-out tasks too, to be served in place of the judged one.
            deep_from: a version folder that holds the deep learner already: its files are linked, not written again.
            try_fresh: load it in a fresh process too; for what was never saved before.

        Raises:
            TrainingRefused: `version_damaged`: what was saved does not work; it is not published.
            ServiceError: `disk_full`.
        """
        self.progress(stage="judge")
        store = VersionStore(self.project)
        champion = self._champion()
        with store.stage() as staged:
            live = champion.tagger if champion else None
            ready = tuned(tagger, self.pages, self.cross, self.least_precision, self.known, live)
            with full_disk_named(staged):
                save_tagger(ready, staged, refitted=refitted, deep_from=deep_from)
            if try_fresh:
                try_in_fresh_process(staged)
            saved = KnowingTagger(load_tagger(staged, self.device, as_judged=True), self.known)
            verdict = judge(saved, champion, self.pages, self.cross)
            judged = {"metrics": verdict.metrics, "estimate": asdict(verdict.estimate)}
            number = store.publish(staged, self._facts() | facts | judged)
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
            "held_out": [task.task_id for task in self.pages.held_out],
            "pages": self.pages.chosen,
        }

    def _champion(self) -> Champion | None:
        live = live_version(self.project, self.device)
        if live is None:
            return None
        made = live.manifest.get("estimate", {"f1": 0.0, "tasks": ()})
        return Champion(
            KnowingTagger(live.tagger, self.known), live.trained_on, Estimate(made["f1"], tuple(made["tasks"]))
        )


def try_in_fresh_process(staged: Path) -> None:
    """Load the saved version and predict a page where nothing of this process can help.

    Raises:
        TrainingRefused: `version_damaged`.
    """
    command = [sys.executable, "-m", "backend", "try-version", str(staged)]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=TRY_TIMEOUT_S)
    if tried.returncode != 0:
        LOG.error("the saved version does not work", extra={"output": tried.stderr[-2000:]})
        raise TrainingRefused("version_damaged", "the saved version does not load in a fresh process", "see the log")

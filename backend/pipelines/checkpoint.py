"""A model that was fine-tuned elsewhere becomes a version of a project, through the same door as one trained here.

labels matched -> tried on the annotated pages, if there are any -> saved -> tried in a fresh process -> judged
-> promoted or kept; later deep fits of the project start from it
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from backend.errors import RequestError
from backend.label_studio.config import LabelingConfig
from backend.model.folders import link_classifier
from backend.model.imported import Checkpoint
from backend.model.tagger import PageTagger, load_tagger, save_tagger
from backend.pipelines.annotated import AnnotatedTask, TrainingSet
from backend.pipelines.checkpoint_labels import OutputMeaning, read_outputs
from backend.pipelines.gate import LEAST_COMPARED, Champion, Estimate, Verdict, judge
from backend.pipelines.known import KnownProbabilities
from backend.pipelines.live_version import live_version
from backend.pipelines.offer import try_in_fresh_process
from backend.pipelines.tuning import tuned
from backend.versions.project import ProjectFolder
from backend.versions.space import full_disk_named
from backend.versions.store import VersionStore, version_name

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ImportScene:
    """What importing needs besides the model.

    Attributes:
        tasks: the annotated tasks of the project, read; may be none.
        least_precision: share of the proposed regions of a label that is to be right; 0 for no such bound.
        name: of the model, for people.
    """

    project: ProjectFolder
    config: LabelingConfig
    tasks: Sequence[AnnotatedTask]
    device: torch.device
    least_precision: float
    name: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a model."""

    version: int
    verdict: Verdict
    meaning: OutputMeaning


def checkpoint_meaning(checkpoint: Checkpoint, config: LabelingConfig) -> OutputMeaning:
    """What the model's outputs mean in the project.

    Raises:
        RequestError: `checkpoint_labels`: none of its labels is one of the project's.
    """
    meaning = read_outputs(checkpoint.outputs, config)
    if not meaning.matched:
        raise RequestError(
            "checkpoint_labels",
            f"the model knows {_listed(checkpoint.outputs)}, the project {_listed(config.label_set.names)}",
            'write the model\'s names into the labeling configuration: <Label value="..." predicted_values="..."/>',
        )
    return meaning


def import_checkpoint(checkpoint: Checkpoint, meaning: OutputMeaning, scene: ImportScene) -> Imported:
    """The version that came of a model, and whether it is served.

    Raises:
        TrainingRefused: `version_damaged`: what was saved does not work; it is not published.
        ServiceError: `disk_full`.
    """
    tagger = PageTagger(deep=checkpoint.classifier(scene.config.label_set, meaning.shares, scene.device))
    # None of the tasks was learnt: it is judged on all of them.
    pages = TrainingSet(scene.config.label_set, learn_from=(), held_out=scene.tasks)
    store = VersionStore(scene.project)
    with store.stage() as staged:
        ready = tuned(tagger, pages, (), scene.least_precision, KnownProbabilities())
        with full_disk_named(staged):
            save_tagger(ready, staged)
        try_in_fresh_process(staged)
        verdict = _verdict(load_tagger(staged, scene.device), pages, scene)
        number = store.publish(staged, _facts(scene, verdict, meaning))
    if verdict.promote:
        store.promote(number, verdict.reason)
    else:
        store.refuse(number, verdict.reason)
    keep_as_base(store.folder(number), scene.project)
    about = {"project": scene.project.project_id, "version": version_name(number), "promoted": verdict.promote}
    LOG.info("a model was imported", extra={**about, "reason": verdict.reason})
    return Imported(number, verdict, meaning)


def keep_as_base(version: Path, project: ProjectFolder) -> None:
    """Let later deep fits of the project start from the model of a version, whatever becomes of the version."""
    shutil.rmtree(project.base, ignore_errors=True)
    project.base.mkdir(parents=True)
    link_classifier(version, project.base)


def _verdict(challenger: PageTagger, pages: TrainingSet, scene: ImportScene) -> Verdict:
    """As for a version trained here; but pages that the live one has learnt say nothing against it."""
    live = live_version(scene.project, scene.device)
    if live is None:
        return judge(challenger, None, pages, ())
    made = live.manifest.get("estimate", {"f1": 0.0, "tasks": ()})
    champion = Champion(live.tagger, live.trained_on, Estimate(made["f1"], tuple(made["tasks"])))
    if len(champion.unseen(pages.held_out)) < LEAST_COMPARED:
        by_itself = judge(challenger, None, pages, ())
        reason = "the live version has learnt the annotated pages, so they compare nothing: promote it by hand"
        return Verdict(False, reason, by_itself.metrics, by_itself.estimate)
    return judge(challenger, champion, pages, ())


def _facts(scene: ImportScene, verdict: Verdict, meaning: OutputMeaning) -> dict[str, Any]:
    """What the manifest tells of the version."""
    return {
        "learners": ["deep"],
        "trained_on": [],
        "base_model": scene.name,
        "base_model_licence": "that of the imported model",
        "imported": {"name": scene.name, "matched": meaning.matched, "unknown": list(meaning.unknown)},
        "labels": list(scene.config.label_set.names),
        "held_out": [task.task_id for task in scene.tasks],
        "metrics": verdict.metrics,
        "estimate": asdict(verdict.estimate),
    }


def import_told(imported: Imported, project_id: int) -> Iterator[str]:
    """What became of a model, for people."""
    matched = ", ".join(f"{label} -> {name}" for label, name in imported.meaning.matched.items())
    yield f"labels: {matched}"
    if imported.meaning.unknown:
        yield f"labels of the model that the project does not have, left out: {_listed(imported.meaning.unknown)}"
    if imported.meaning.missing:
        yield f"labels of the project that the model does not know: {_listed(imported.meaning.missing)}"
    held_out = imported.verdict.metrics.get("held_out", {})
    if held_out.get("pages"):
        yield f"F1 {held_out['micro']['f1']:.3f} on {held_out['pages']} annotated pages"
    served = "serves" if imported.verdict.promote else "keeps, but does not serve,"
    yield f"project {project_id} {served} {version_name(imported.version)}: {imported.verdict.reason}"


def _listed(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")

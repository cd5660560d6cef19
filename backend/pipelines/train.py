"""The train story: the saved annotations of a project to a model version, promoted when it is not worse.

    export -> labelled boxes -> words (OCR, cached) -> tags -> split -> fit -> save -> try -> judge -> promote or refuse
    -> report

A run learns at two speeds. The fast step offers a version within seconds, with the deep learner that is live. The deep
step, when it is due, takes minutes; what is saved meanwhile is learnt by further fast steps. The export is Label
Studio's own and complete, whatever webhooks got lost. Nothing here touches the version that is being served until a new
one is promoted.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from backend.model.tagger import PageTagger, load_tagger
from backend.pipelines.fast_step import FastVersion, Refresh, facts_of, needs_pictures, offer_fast, offers_for
from backend.pipelines.fitting import DeepFit, checkpoints_of, fit_deep
from backend.pipelines.gate import Verdict
from backend.pipelines.gathering import AnnotationSource, Gathered, TrainScene, gather
from backend.pipelines.judging import cross_validated
from backend.pipelines.live_version import live_version
from backend.pipelines.offer import Offers
from backend.pipelines.progress import Meanwhile, nothing_meanwhile
from backend.pipelines.reporting import Reporter
from backend.pipelines.room import check_room
from backend.training.run_reports import RunReports
from backend.versions.store import VersionStore

__all__ = ["AnnotationSource", "RunReport", "TrainScene", "train_project"]


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run came to.

    Attributes:
        version: number of the last version it made; None when it made none.
        reason: why the version was promoted or refused, for people.
        annotations: annotated tasks it used.
        fingerprint: state of the annotations in Label Studio when they were exported.
        metrics: figures of the new version and of the live one on the same held-out pages.
    """

    version: int | None
    promoted: bool
    reason: str
    annotations: int
    fingerprint: str
    metrics: dict[str, Any]


def train_project(annotations: AnnotationSource, scene: TrainScene) -> RunReport:
    """Train, judge and perhaps promote new versions of a project.

    Raises:
        TrainingRefused: too few annotations, nothing labelled, or weights that diverged.
        LabelStudioError: Label Studio is down or refuses the token.
        ConfigError: the project's labeling configuration cannot be served.
        ServiceError: the base model cannot be had; what the fast learner learnt is served nevertheless. Or `disk_full`,
            or `images_unavailable`.
        TrainingStopped: the process is to end; the deep fit goes on in the next one.
    """
    check_room(scene.project, scene.base, scene.starter_folder, deep=scene.schedule.deep_is_due())
    live = live_version(scene.project, scene.device)
    gathered = gather(annotations, scene, pictures=needs_pictures(scene, live))
    fast = offer_fast(gathered, scene, live)
    del live  # not to be kept in memory while another is fitted

    if not (scene.schedule.deep_is_due() or fast.labels_differ):
        return _report(fast.number, fast.verdict, fast.gathered)
    if not scene.base.is_used:
        _tell_owner(fast.number, fast.offers, gathered, scene)
        scene.schedule.deep_learnt()
        return _report(fast.number, fast.verdict, fast.gathered)
    scene = replace(scene, base=scene.find_base())
    with checkpoints_of(scene.project.runs):
        return _deep_step(annotations, scene, gathered, fast)


def _deep_step(annotations: AnnotationSource, scene: TrainScene, gathered: Gathered, fast: FastVersion) -> RunReport:
    """Fit the deep learner and offer it with the newest fast one; what is saved meanwhile is learnt by further ones."""
    refresh = Refresh(scene.news_from or annotations, scene, fast)
    work = DeepFit(
        scene.base,
        scene.starter_folder,
        scene.project.runs,
        scene.device,
        scene.most_steps,
        scene.progress,
        meanwhile=refresh.look,
        interruptible=scene.schedule.interruptible,
        may_use_cpu=scene.may_use_cpu,
        reports=RunReports(scene.report_to, scene.project.tensorboard, f"project {scene.project.project_id}"),
    )
    deep, plan = fit_deep(gathered.pages, work)
    cross = cross_validated(gathered.tasks, gathered.pages.label_set, refresh.look)
    newest = refresh.newest
    learnt = [task.task_id for task in gathered.pages.learn_from]
    offers = offers_for(newest.gathered, scene, learnt, cross)
    facts = facts_of(("fast", "deep"), newest.gathered.pages, learnt) | {"plan": asdict(plan)}
    number, verdict = offers.make(PageTagger(fast=newest.judged, deep=deep), facts, refitted=newest.served)
    offers.prune(scene.keep_versions)
    scene.schedule.deep_learnt()
    _tell_owner(number, offers, newest.gathered, scene, meanwhile=refresh.look)
    return _report(number, verdict, newest.gathered)


def _tell_owner(
    number: int | None,
    offers: Offers,
    gathered: Gathered,
    scene: TrainScene,
    meanwhile: Meanwhile = nothing_meanwhile,
) -> None:
    """Write the report on a version."""
    if number is None:
        return
    scene.progress(stage="report")
    reporter = Reporter(
        scene.project, gathered.config, offers.pages, gathered.effort, scene.label_studio_url, meanwhile, gathered.ocr
    )
    folder = VersionStore(scene.project).folder(number)
    reporter.report(number, load_tagger(folder, scene.device, as_judged=True), offers.cross)


def _report(number: int | None, verdict: Verdict, gathered: Gathered) -> RunReport:
    return RunReport(
        number, verdict.promote, verdict.reason, len(gathered.tasks), gathered.fingerprint, verdict.metrics
    )

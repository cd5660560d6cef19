"""The fast step: a version with a new fast learner beside the deep one that is live, seconds after a saved page."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backend.errors import BackendError
from backend.model.crf import CrfTagger
from backend.model.tagger import PageTagger
from backend.pipelines.annotated import TrainingSet
from backend.pipelines.choosing import choose_for_field
from backend.pipelines.gate import LEAST_COMPARED, Verdict
from backend.pipelines.gathering import AnnotationSource, Gathered, TrainScene, gather
from backend.pipelines.judging import cross_validated
from backend.pipelines.live_version import LiveVersion, live_version
from backend.pipelines.offer import Offers
from backend.pipelines.progress import Progress
from backend.training.fit_crf import CrfFitter
from backend.training.judged import JudgedTask

LOG = logging.getLogger(__name__)

OF_DEEP = ("base_model", "base_model_licence", "plan", "deep_trained_on")
"""What the manifest tells of the deep learner, passed on to each version that has the same."""
ENOUGH_LEARNT = 300
"""Tasks to learn from beside which the held-out ones are not missed: the judged learner is served as it is."""


@dataclass(frozen=True, slots=True)
class FastVersion:
    """What a fast step came to.

    Attributes:
        gathered: what it learnt.
        judged: the fast learner fitted without the held-out tasks.
        served: the one fitted to all tasks.
        number: of the version; None when it is offered with the deep learner only, once that is fitted.
        verdict: on the version.
        offers: the gate that it went through.
        labels_differ: whether the deep learner that is live was made for other labels.
    """

    gathered: Gathered
    judged: CrfTagger
    served: CrfTagger
    number: int | None
    verdict: Verdict
    offers: Offers
    labels_differ: bool


def needs_pictures(scene: TrainScene, live: LiveVersion | None) -> bool:
    """Whether a model of the run looks at the pages' pictures: the live one, or the one that is to be fitted."""
    return scene.base.may_be_visual or (live is not None and live.tagger.visual)


def offer_fast(gathered: Gathered, scene: TrainScene, live: LiveVersion | None) -> FastVersion:
    """Fit the fast learner and offer it with the deep learner that is live, or alone where there is none.

    Raises:
        TrainingRefused: `version_damaged`.
    """
    scene.progress(stage="fit", step=0, steps=0, loss=None)
    pages = gathered.pages
    judged, served = fit_fast(pages)
    deep = live.tagger.deep if live is not None else None
    fits = deep is not None and deep.label_set == pages.label_set
    number: int | None = None

    if live is not None and fits:
        offers = offers_for(gathered, scene, live.deep_trained_on)
        facts = {name: live.manifest[name] for name in OF_DEEP if name in live.manifest}
        facts |= facts_of(("fast", "deep"), pages, live.deep_trained_on)
        number, verdict = offers.make(
            PageTagger(fast=judged, deep=deep), facts, refitted=served, deep_from=live.folder, try_fresh=False
        )
    else:
        offers = offers_for(gathered, scene)
        if deep is not None and scene.base.is_used and not offers.may_be_lesser():
            verdict = Verdict(False, "served with the deep learner, once that knows the new labels", {})
        else:
            number, verdict = offers.make(
                PageTagger(fast=judged), facts_of(("fast",), pages), refitted=served, try_fresh=False
            )
    offers.prune(scene.keep_versions)
    scene.progress(
        version=number,
        promoted=verdict.promote,
        reason=verdict.reason,
        metrics=verdict.metrics,
        annotations=len(gathered.tasks),
    )
    scene.schedule.fast_learnt(gathered.fingerprint)
    return FastVersion(gathered, judged, served, number, verdict, offers, labels_differ=deep is not None and not fits)


def fit_fast(pages: TrainingSet) -> tuple[CrfTagger, CrfTagger]:
    """The fast learner fitted without the held-out tasks, and with them where they are missed in learning."""
    fitter = CrfFitter(pages.label_set)
    fitter.add(pages.tagged(choose_for_field(pages.learn_from)))
    judged = fitter.fit()
    if not pages.held_out or len(pages.learn_from) >= ENOUGH_LEARNT:
        return judged, judged
    fitter.add(pages.tagged(choose_for_field(pages.held_out)))
    return judged, fitter.fit()


def offers_for(
    gathered: Gathered, scene: TrainScene, deep_trained_on: Iterable[int] = (), cross: Sequence[JudgedTask] = ()
) -> Offers:
    """The gate for versions of an export; tasks that the deep learner has learnt are not judged on.

    Args:
        cross: cross-validated tasks, where the run has them; a project without held-out tasks gets them here.
    """
    known = frozenset(deep_trained_on)
    held_out = [task for task in gathered.pages.held_out if task.task_id not in known]
    pages = replace(gathered.pages, held_out=held_out)
    if not cross and len(held_out) < LEAST_COMPARED:
        cross = cross_validated(gathered.tasks, pages.label_set)
    return Offers(scene.project, scene.base, pages, scene.device, scene.progress, cross, scene.least_precision)


def facts_of(learners: Iterable[str], pages: TrainingSet, deep_trained_on: Iterable[int] = ()) -> dict[str, Any]:
    """What the manifest is to tell of a version's learners and of the tasks that they know."""
    deep_knows = set(deep_trained_on)
    fast_knows = {task.task_id for task in pages.learn_from}
    facts: dict[str, Any] = {"learners": list(learners), "trained_on": sorted(fast_knows | deep_knows)}
    return facts | ({"deep_trained_on": sorted(deep_knows)} if deep_knows else {})


class Refresh:
    """Fast steps between the steps of a deep fit, for what is saved while it goes on.

    Attributes:
        newest: the last fast step of the run.
    """

    def __init__(self, annotations: AnnotationSource, scene: TrainScene, first: FastVersion) -> None:
        self.newest = first
        self._annotations = annotations
        self._scene = replace(scene, progress=_Results(scene.progress))
        self._stopped = False

    def look(self) -> None:
        """Learn the news, if there are any. What fails is logged and left to the next run."""
        if self._stopped or not self._scene.schedule.news():
            return
        about = {"project": self._scene.project.project_id}
        try:
            live = live_version(self._scene.project, self._scene.device)
            gathered = gather(self._annotations, self._scene, pictures=needs_pictures(self._scene, live))
            if gathered.pages.label_set != self.newest.gathered.pages.label_set:
                LOG.info("the labels changed: the next run learns them", extra=about)
                self._stopped = True
                return
            self.newest = offer_fast(gathered, self._scene, live)
        except (BackendError, OSError) as error:
            cause = error.message if isinstance(error, BackendError) else type(error).__name__
            LOG.warning("saved annotations are learnt later", extra={**about, "cause": cause})
            self._scene.schedule.put_off()


class _Results:
    """Passes on what a fast step came to, not its stages: those of the fit that goes on are shown."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __call__(self, **fields: Any) -> None:
        if "stage" not in fields:
            self._progress(**fields)

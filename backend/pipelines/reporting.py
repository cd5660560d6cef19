"""What a project's owner is told of a version: the last step of a run, and never the reason why one fails."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from backend.label_studio.config import LabelingConfig
from backend.model.tagger import PageTagger
from backend.pipelines.annotated import AnnotatedTask, TrainingSet
from backend.pipelines.gate import LEAST_COMPARED
from backend.pipelines.judging import cross_validated, judged_by_others, judged_tasks
from backend.pipelines.progress import Meanwhile, nothing_meanwhile
from backend.reports.effort import Effort
from backend.reports.ocr_quality import OcrQuality
from backend.reports.report import build_report
from backend.reports.write import write_report
from backend.training.judged import JudgedTask
from backend.versions.project import ProjectFolder
from backend.versions.store import version_name

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reporter:
    """Reports on the versions of one project.

    Attributes:
        label_studio_url: as people reach it; empty where nobody knows.
        ocr: how well OCR reads the project's documents.
        meanwhile: called before each of the fits, which take up to some seconds.
    """

    project: ProjectFolder
    config: LabelingConfig
    pages: TrainingSet
    effort: Effort
    label_studio_url: str
    meanwhile: Meanwhile = nothing_meanwhile
    ocr: OcrQuality = field(default_factory=lambda: OcrQuality({}))

    def report(self, number: int, tagger: PageTagger, cross: Sequence[JudgedTask] = ()) -> None:
        """Write the report on a version; a fault is logged, for the version is none the worse for it.

        Args:
            tagger: the version, or one like it, that did not learn the held-out tasks.
            cross: cross-validated tasks, where the run has them already.
        """
        try:
            held_out = judged_tasks(tagger, self.pages.held_out)
            tasks = sorted((*self.pages.learn_from, *self.pages.held_out), key=lambda task: task.task_id)
            crossed = cross or cross_validated(tasks, self.pages.label_set, self.meanwhile)
            report = build_report(
                self.project.project_id,
                number,
                config=self.config,
                tasks=tasks,
                judged=held_out if len(held_out) >= LEAST_COMPARED else crossed,
                crossed=crossed,
                effort=self.effort,
                ocr=self.ocr,
                refit=self._refit,
                label_studio_url=self.label_studio_url,
            )
            write_report(self.project, report)
        except Exception:  # whatever it is, also the end of the run's time: the version is made
            LOG.exception("no report", extra={"project": self.project.project_id, "version": version_name(number)})

    def _refit(self, learnt: Sequence[AnnotatedTask], judged: Sequence[AnnotatedTask]) -> list[JudgedTask]:
        self.meanwhile()
        return judged_by_others(learnt, judged, self.pages.label_set)

"""The report on a version, put together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.label_studio.config import LabelingConfig
from backend.reports.advice import Advice, LabelFacts, advise
from backend.reports.confusion import Confusion, confusion
from backend.reports.effort import Effort
from backend.reports.forecast import PowerLaw, fit_power_law
from backend.reports.learning_curve import LearningCurve, Refit, Task, measure_curve, pages_with
from backend.reports.ocr_quality import OcrQuality
from backend.reports.suspects import Suspect, find_suspects, task_link
from backend.training.judged import JudgedTask, task_scores
from backend.training.scores import Counts, Scores, total
from backend.versions.reports import PICTURES
from backend.versions.store import version_name

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Report:
    """What is told of a version.

    Attributes:
        created: UTC, ISO 8601.
        pages: annotated pages of the project, by label the pages with it.
        scores: on tasks that were not learnt.
        laws: forecast of each curve, the overall one under None; no entry where there is no forecast.
    """

    project_id: int
    version: int
    created: str
    pages: int
    label_pages: dict[str, int]
    scores: Scores
    curve: LearningCurve
    laws: Mapping[str | None, PowerLaw]
    mistakes: Confusion
    effort: Effort
    ocr: OcrQuality
    suspects: tuple[Suspect, ...]
    advice: tuple[Advice, ...]

    def to_json(self) -> dict[str, Any]:
        curve = self.curve.to_json()
        overall = self.laws.get(None)
        return {
            "format": FORMAT,
            "project": self.project_id,
            "version": version_name(self.version),
            "created": self.created,
            "annotated_pages": self.pages,
            "pages_with_label": self.label_pages,
            "advice": [advice.to_json() for advice in self.advice],
            "scores": self.scores.to_json(),
            "learning_curve": curve
            | {
                "forecast": overall.to_json() if overall else None,
                "label_forecasts": {label: law.to_json() for label, law in self.laws.items() if label is not None},
            },
            "confusion": self.mistakes.to_json(),
            "effort": self.effort.to_json(),
            "ocr": self.ocr.to_json(),
            "suspects": [suspect.to_json() for suspect in self.suspects],
            "pictures": list(PICTURES),
        }


def build_report(
    project_id: int,
    version: int,
    *,
    config: LabelingConfig,
    tasks: Sequence[Task],
    judged: Sequence[JudgedTask],
    crossed: Sequence[JudgedTask] = (),
    effort: Effort,
    ocr: OcrQuality | None = None,
    refit: Refit[Task],
    label_studio_url: str,
    clock: Callable[[], float] = time.time,
) -> Report:
    """The report on a version.

    Args:
        config: the labeling configuration that the version was made for.
        tasks: the annotated tasks of the project.
        judged: tasks with what a version that did not learn them proposes; the version itself, or others like it.
        crossed: cross-validated tasks, searched for doubtful annotations besides the judged ones.
        refit: fits the fast learner to some tasks and judges it on others; called up to forty times.
        label_studio_url: as people reach it; empty for a report without links.
    """
    labels = config.label_set.names
    scores = total(task_scores(judged))
    curve = measure_curve(tasks, labels, refit)
    fitted = {None: fit_power_law(curve.overall)} | {key: fit_power_law(curve.labels[key]) for key in labels}
    laws: dict[str | None, PowerLaw] = {key: law for key, law in fitted.items() if law is not None}
    mistakes = confusion(judged, labels)
    known = {task.task_id for task in judged}
    others = [task for task in crossed if task.task_id not in known]
    suspects = find_suspects(judged, others, link=lambda task: task_link(label_studio_url, project_id, task))
    pages = sum(len(task.pages) for task in tasks)
    label_pages = {label: pages_with(label, tasks) for label in labels}
    facts = {
        label: LabelFacts(label_pages[label], scores.by_label.get(label, Counts()), laws.get(label)) for label in labels
    }
    return Report(
        project_id=project_id,
        version=version,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock())),
        pages=pages,
        label_pages=label_pages,
        scores=scores,
        curve=curve,
        laws=laws,
        mistakes=mistakes,
        effort=effort,
        ocr=ocr or OcrQuality({}),
        suspects=tuple(suspects),
        advice=tuple(advise(pages, facts, mistakes, len(suspects))),
    )

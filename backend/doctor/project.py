"""One project: its labeling configuration, an image, the way back and the webhook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from backend.doctor.case import Case
from backend.doctor.causes import passed, skipped
from backend.doctor.content import IMAGE, examine_config, examine_image
from backend.doctor.finding import Finding, Level
from backend.doctor.ocr import examine_ocr
from backend.doctor.studio import refused
from backend.doctor.way_back import examine_way_back
from backend.doctor.webhook import CHECK as WEBHOOK
from backend.doctor.webhook import examine_webhook
from backend.label_studio.config import LabelingConfig

PROJECT = "Project"


def examine_project(case: Case) -> Iterator[Finding]:
    """Findings on a project of a Label Studio that answers."""
    number = case.project_id
    tried = f"asked Label Studio for project {number}"
    answer = case.studio.ask("GET", f"/api/projects/{number}/")
    if not answer.ok or not isinstance(answer.content, dict):
        fault = refused(answer, PROJECT, tried, number)
        # One that nobody asked for may have been deleted there long ago.
        forgotten = fault.code == "project_missing" and not case.named
        yield replace(fault, level=Level.WARNING) if forgotten else fault
        return
    title, tasks = answer.content.get("title"), answer.content.get("task_number")
    yield passed(PROJECT, tried, f"{title!r}, {tasks} tasks", project_id=number)
    config, findings = examine_config(str(answer.content.get("label_config") or "<View/>"), number)
    yield from findings
    if config is None:
        yield skipped(IMAGE, "the labeling configuration does not say which", project_id=number)
    else:
        yield from _own_ocr(case, config)
        yield examine_image(case, config)
    backends, findings = examine_way_back(case)
    yield from findings
    if not backends:
        yield skipped(WEBHOOK, "Label Studio does not reach the backend that it would lead to", project_id=number)
    for backend in backends:
        yield from examine_webhook(case, backend)


def _own_ocr(case: Case, config: LabelingConfig) -> Iterator[Finding]:
    """Findings on the engine and the languages that a labeling configuration states for its project."""
    if config.ocr_engine or config.ocr_languages:
        engine = config.ocr_engine or case.settings.ocr_engine
        yield from examine_ocr(engine, config.ocr_languages or case.settings.ocr_languages, case.project_id)

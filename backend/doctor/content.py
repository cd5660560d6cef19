"""A project's labeling configuration, and one of its images."""

from __future__ import annotations

from typing import Any

from backend.doctor.case import Case
from backend.doctor.causes import finding, passed
from backend.doctor.finding import Finding, Level
from backend.doctor.studio import refused
from backend.errors import BackendError, ConfigError, LabelStudioError, TaskError
from backend.label_studio.config import LabelingConfig, parse_labeling_config
from backend.label_studio.tasks import task_pages
from backend.pages.decoders import Decoders

Json = dict[str, Any]

CONFIG = "Labeling config"
IMAGE = "Image"


def examine_config(xml: str, project_id: int) -> tuple[LabelingConfig | None, list[Finding]]:
    """What the product's own parser makes of a labeling configuration; None where it can make nothing of it."""
    tried = "read the labeling configuration as a prediction does"
    try:
        config = parse_labeling_config(xml)
    except ConfigError as error:
        wrong = finding(
            Level.FAILED, "config_wrong", CONFIG, tried, error.message, project_id=project_id, hint=error.hint
        )
        return None, [wrong]
    if not config.control:
        return None, [finding(Level.WARNING, "config_empty", CONFIG, tried, config.warnings[0], project_id=project_id)]
    told = f"{len(config.labels)} labels of {config.control} over {config.image}"
    warnings = [
        finding(Level.WARNING, "config_warning", CONFIG, tried, warning, project_id=project_id)
        for warning in config.warnings
    ]
    return config, [passed(CONFIG, tried, told, project_id=project_id), *warnings]


def examine_image(case: Case, config: LabelingConfig) -> Finding:
    """Whether the first page of the project's first task comes and can be decoded."""
    number = case.project_id
    task, fault = _first_task(case)
    if fault is not None:
        return fault
    if task is None:
        return finding(
            Level.SKIPPED, "no_tasks", IMAGE, "asked Label Studio for a task", "there is none", project_id=number
        )
    tried = f"fetched the image of task {task.get('id')} as a prediction does"
    try:
        page = task_pages(task, config)[0]
    except TaskError as error:
        return _image_fault("task_wrong", tried, error, number)
    try:
        data = case.connection.fetch(page)
    except (TaskError, LabelStudioError) as error:
        code = {"label_studio_auth": "image_auth", "image_http_4xx": "image_refused"}.get(error.code)
        return _image_fault(code or "image_unavailable", tried, error, number)
    try:
        image = Decoders().decode(data, max_pixels=case.settings.max_megapixels * 1_000_000)
    except BackendError as error:
        return _image_fault("image_unreadable", tried, error, number)
    return passed(IMAGE, tried, f"{image.width} x {image.height} pixels, {len(data) / 1e6:.1f} MB", project_id=number)


def _first_task(case: Case) -> tuple[Json | None, Finding | None]:
    """A task with its data as stored, or why there is none to be had."""
    query: dict[str, str | int] = {"project": case.project_id, "page": 1, "page_size": 1, "resolve_uri": "false"}
    # For a review: so Label Studio asks no backend for a prediction.
    answer = case.studio.ask("GET", "/api/tasks/", query=query | {"review": "true"})
    tasks = answer.content.get("tasks") if answer.ok and isinstance(answer.content, dict) else None
    if not isinstance(tasks, list):
        return None, refused(answer, IMAGE, "asked Label Studio for a task", case.project_id)
    return (tasks[0] if tasks else None), None


def _image_fault(code: str, tried: str, error: BackendError, project_id: int) -> Finding:
    own = code in ("image_auth", "image_refused")  # their remedies say more
    hint = "" if own else error.hint
    return finding(Level.FAILED, code, IMAGE, tried, error.message, project_id=project_id, hint=hint)

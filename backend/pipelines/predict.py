"""The predict story: tasks of a request to Label Studio predictions.

    task -> pages -> image bytes -> words (OCR, cached) -> windows -> probabilities -> regions -> results in percent

One entry per task, in the order of the request. A task that cannot be predicted gets `[]`, so that nothing is stored
and it stays due, and a line in `errors` with the reason.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass, field
from typing import Any

from backend.document.page import Page, PageRef
from backend.errors import BackendError, ServiceError, TaskError
from backend.inference.snap import snap
from backend.label_studio.annotations import drawn_boxes
from backend.label_studio.config import LabelingConfig
from backend.label_studio.results import regions_to_results
from backend.label_studio.tasks import task_pages
from backend.model.live import LoadedVersion
from backend.pipelines.reading import READERS, Fetch, PageReader
from backend.pipelines.serving import predict_pages, served_regions
from backend.versions.store import version_name

LOG = logging.getLogger(__name__)

Json = dict[str, Any]


@dataclass(slots=True)
class PredictAnswer:
    """What `/predict` answers.

    Attributes:
        results: one entry per task: a prediction, or `[]`.
        errors: for each `[]` its task, index, code and message.
    """

    results: list[Json | list[Any]] = field(default_factory=list)
    errors: list[Json] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything of a request but its tasks.

    Attributes:
        version: the live version; None for a project that was never trained.
        context: the region somebody is drawing with a smart tool, as Label Studio sends it.
        deadline: on the monotonic clock; what is not ready by then is left for the next request.
    """

    config: LabelingConfig
    reader: PageReader
    fetch: Fetch
    version: LoadedVersion | None
    context: Json | None
    deadline: float


def predict_tasks(tasks: Sequence[Json], scene: Scene) -> PredictAnswer:
    """Predictions for the tasks, in their order.

    Raises:
        ServiceError: no task could be predicted because something all of them need is missing or down.
    """
    answer = PredictAnswer()
    faults: list[BackendError] = []
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="read")
    try:
        reading = [pool.submit(_read_task, task, scene) for task in tasks]
        for index, (task, pages) in enumerate(zip(tasks, reading, strict=True)):
            try:
                answer.results.append(_predict_task(pages, scene))
            except Exception as error:
                fault = _as_fault(error, task)
                faults.append(fault)
                answer.results.append([])
                answer.errors.append(_error_line(task, index, fault))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if tasks and len(faults) == len(tasks) and all(isinstance(fault, ServiceError) for fault in faults):
        raise faults[0]
    return answer


def _read_task(task: Json, scene: Scene) -> list[Page]:
    if scene.version is None and not scene.context:
        raise TaskError(
            "untrained", "this project has no trained version yet", "annotate pages; training starts by itself"
        )
    if time.monotonic() > scene.deadline:
        raise _late()
    visual = scene.version is not None and scene.version.tagger.visual
    return [_read_page(ref, scene, visual) for ref in task_pages(task, scene.config)]


def _read_page(ref: PageRef, scene: Scene, visual: bool) -> Page:
    return scene.reader.read(ref, scene.fetch, picture=visual)


def _predict_task(reading: Future[list[Page]], scene: Scene) -> Json:
    try:
        pages = reading.result(timeout=max(0.0, scene.deadline - time.monotonic()))
    except NotInTime:
        raise _late() from None
    if scene.context:
        return _snapped(pages, scene, scene.context)
    assert scene.version is not None  # _read_task raised otherwise
    results: list[Json] = []
    scores: list[float] = []
    for index, (page, predicted) in enumerate(zip(pages, predict_pages(pages, scene.version.tagger), strict=True)):
        regions = served_regions(predicted, scene.config)
        results += regions_to_results(regions, page_size=page.size, config=scene.config, item_index=index)
        scores.append(predicted.score)
    return {"result": results, "score": round(min(scores, default=0.0), 4), "model_version": scene.version.name}


def _snapped(pages: Sequence[Page], scene: Scene, context: Json) -> Json:
    """The drawn region pulled to the words under it, with their text; works before any training."""
    results: list[Json] = []
    for index, page in enumerate(pages):
        regions = [
            region for box in drawn_boxes(context, scene.config, index, page.size) if (region := snap(page, box))
        ]
        results += regions_to_results(regions, page_size=page.size, config=scene.config, item_index=index)
    name = version_name(scene.version.number if scene.version else None)
    return {"result": results, "score": 1.0 if results else 0.0, "model_version": name}


def _late() -> TaskError:
    return TaskError("deadline", "not ready within the time of this request", "retrieve predictions again: OCR is kept")


def _as_fault(error: Exception, task: Json) -> BackendError:
    """The failure of one task in the product's own terms; a defect is logged with its traceback."""
    task_id = task.get("id") if isinstance(task, dict) else None
    if isinstance(error, BackendError):
        LOG.warning("task not predicted", extra={"task": task_id, "code": error.code, "cause": error.message})
        return error
    LOG.error("task not predicted", extra={"task": task_id, "code": "internal"}, exc_info=error)
    return TaskError("internal", "a defect in the backend; its log has the details")


def _error_line(task: Json, index: int, fault: BackendError) -> Json:
    task_id = task.get("id") if isinstance(task, dict) else None
    return {"task": task_id, "index": index, "code": fault.code, "message": fault.message, "hint": fault.hint}

"""The predict story: tasks of a request to Label Studio predictions.

    task -> pages -> image bytes -> words (OCR, cached) -> windows -> probabilities -> regions -> results in percent

One entry per task, in the order of the request. A task that cannot be predicted gets `[]`, so that nothing is stored
and it stays due, and a line in `errors` with the reason.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from backend.document.page import Page, PageRef
from backend.errors import BackendError, OutOfMemory, ServiceError, TaskError
from backend.label_studio.config import LabelingConfig
from backend.label_studio.drawn import drawn_page
from backend.label_studio.results import regions_to_results
from backend.label_studio.tasks import task_pages
from backend.model.live import LoadedVersion
from backend.pipelines.reading import Fetch, PageReader
from backend.pipelines.ready import ReadTask, reading
from backend.pipelines.recent import RecentPages
from backend.pipelines.serving import PredictedPage, predict_pages, served_document
from backend.pipelines.smart import smart_results
from backend.versions.store import version_name

LOG = logging.getLogger(__name__)

Json = dict[str, Any]

GROUP_S = 2.0
"""About how long the model works on the tasks that it is given together; the deadline may be overrun by as much."""
FIRST_GROUP_PAGES = 4
MOST_GROUP_PAGES = 32


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
        is_awaited: whether somebody still waits for the answer; asked before each group of tasks.
        recent: the pages that were predicted last, shared by the requests of a process.
    """

    config: LabelingConfig
    reader: PageReader
    fetch: Fetch
    version: LoadedVersion | None
    context: Json | None
    deadline: float
    is_awaited: Callable[[], bool] = lambda: True
    recent: RecentPages = field(default_factory=RecentPages)

    @property
    def needs_pictures(self) -> bool:
        """Whether the model is given the pictures of pages; for a smart box only where it has no fast learner."""
        if self.version is None or not self.version.tagger.visual:
            return False
        return not self.context or self.version.tagger.fast is None


def predict_tasks(tasks: Sequence[Json], scene: Scene) -> PredictAnswer:
    """Predictions for the tasks, in their order.

    The model is given pages as they are read, while others still are: whatever tasks are ready go to it together.

    Raises:
        ServiceError: no task could be predicted because something all of them need is missing or down.
        ClientGone: nobody waits any more.
    """
    outcomes: dict[int, Json | BaseException] = {}
    refs: dict[int, list[PageRef]] = {}
    for index, task in enumerate(tasks):
        try:
            refs[index] = _pages_to_read(task, scene)
        except Exception as error:
            outcomes[index] = error
    with scene.reader.for_request() as reader:
        read = partial(reader.read, fetch=scene.fetch, picture=scene.needs_pictures)
        with reading(refs, read, scene.deadline, scene.is_awaited) as ready:
            most_pages = FIRST_GROUP_PAGES
            while group := ready.group(most_pages):
                started = time.monotonic()
                outcomes |= _predict_group(group, scene, most_pages)
                most_pages = _most_pages(sum(len(task.pages) for task in group), time.monotonic() - started)
    return _answer(tasks, [outcomes.get(index) or _late() for index in range(len(tasks))])


def _pages_to_read(task: Json, scene: Scene) -> list[PageRef]:
    if not scene.config.labels:
        raise TaskError("no_labels", "the project has no labels yet", "add Label tags to its RectangleLabels")
    if scene.version is None and not scene.context:
        raise TaskError(
            "untrained", "this project has no trained version yet", "annotate pages; training starts by itself"
        )
    pages = task_pages(task, scene.config)
    if not scene.context:
        return pages
    drawn_on = drawn_page(scene.context)
    return [page for page in pages if page.index == drawn_on] or pages[:1]


def _most_pages(pages: int, took_s: float) -> int:
    """How many pages the next group may have, where the last one had so many and took so long."""
    return max(1, min(MOST_GROUP_PAGES, round(GROUP_S * pages / max(took_s, 1e-3))))


def _predict_group(group: Sequence[ReadTask], scene: Scene, most_pages: int) -> dict[int, Json | BaseException]:
    """By index what became of each task of a group."""
    outcomes: dict[int, Json | BaseException] = {task.index: task.fault for task in group if task.fault}
    readable = [task for task in group if not task.fault]
    try:
        predictions = _predictions([task.pages for task in readable], scene, most_pages)
        return outcomes | {task.index: found for task, found in zip(readable, predictions, strict=True)}
    except Exception as error:
        if len(readable) == 1:
            return outcomes | {readable[0].index: error}
        # One of them is to blame: each by itself, so that the others get their predictions.
        for task in readable:
            outcomes |= _predict_group([task], scene, most_pages)
        return outcomes


def _predictions(tasks: Sequence[Sequence[Page]], scene: Scene, most_pages: int) -> list[Json]:
    """The prediction of each task from its pages."""
    if scene.context:
        return [_smart(page, scene, scene.context) for [page] in tasks]
    assert scene.version is not None  # _pages_to_read raised otherwise
    together = [page for pages in tasks for page in pages]
    predicted: list[PredictedPage] = []
    for first in range(0, len(together), most_pages):  # more than once for a task of very many pages only
        if time.monotonic() > scene.deadline:
            raise _late()
        predicted += predict_pages(together[first : first + most_pages], scene.version.tagger)
    of_pages = iter(predicted)
    return [
        _prediction(list(zip(pages, islice(of_pages, len(pages)), strict=True)), scene, scene.version)
        for pages in tasks
    ]


def _prediction(pages: Sequence[tuple[Page, PredictedPage]], scene: Scene, version: LoadedVersion) -> Json:
    regions, score = served_document([predicted for _, predicted in pages], scene.config)
    results: list[Json] = []
    for index, (page, predicted) in enumerate(pages):
        results += regions_to_results(regions[index], page_size=page.size, config=scene.config, item_index=index)
        if predicted.probabilities is not None:
            scene.recent.keep(page, version.tagger, predicted.probabilities)
    return {"result": results, "score": round(score, 4), "model_version": version.name}


def _smart(page: Page, scene: Scene, context: Json) -> Json:
    """What is being drawn, pulled to the words under it; works before any training."""
    tagger = scene.version.tagger if scene.version else None
    results = smart_results(page, context, scene.config, tagger, scene.recent)
    name = version_name(scene.version.number if scene.version else None)
    return {"result": results, "score": 1.0 if results else 0.0, "model_version": name}


def _late() -> TaskError:
    return TaskError("deadline", "not ready within the time of this request", "retrieve predictions again: OCR is kept")


def _answer(tasks: Sequence[Json], outcomes: Sequence[Json | BaseException]) -> PredictAnswer:
    """One entry for each task, and why there are empty ones."""
    faults = [outcome for outcome in outcomes if isinstance(outcome, ServiceError)]
    if tasks and len(faults) == len(tasks):
        raise faults[0]
    answer = PredictAnswer()
    for index, (task, outcome) in enumerate(zip(tasks, outcomes, strict=True)):
        if isinstance(outcome, BaseException):
            answer.results.append([])
            answer.errors.append(_error_line(task, index, outcome))
        else:
            answer.results.append(outcome)
    return answer


def _error_line(task: Json, index: int, error: BaseException) -> Json:
    """Why a task has an empty entry, which is logged too; a defect with its traceback."""
    fault = _as_fault(error)
    line = {"task": _task_id(task), "index": index, "code": fault.code}
    if fault is error:
        LOG.warning("task not predicted", extra={**line, "cause": fault.message})
    else:
        LOG.error("task not predicted", extra={**line, "cause": type(error).__name__}, exc_info=error)
    return {**line, "message": fault.message, "hint": fault.hint}


def _task_id(task: Json) -> int | None:
    """The number of a task; nothing else that stands in its place is repeated, as it may be of any length."""
    found = task.get("id") if isinstance(task, dict) else None
    return found if isinstance(found, int) else None


def _as_fault(error: BaseException) -> BackendError:
    """The failure of one task in the product's own terms."""
    if isinstance(error, BackendError):
        return error
    if isinstance(error, MemoryError):
        return OutOfMemory()
    return TaskError("internal", "a defect in the backend; its log has the details")

"""Prelabelling, as a worker's child process does it: a chunk of a chain, or the sharing out of a project's tasks."""

from __future__ import annotations

import importlib
import logging
from contextlib import suppress
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import get_current_job

from backend.errors import BackendError
from backend.jobs.prelabel_queue import Chain, PrelabelQueue, chains
from backend.jobs.priority import step_back
from backend.logs import log_fields
from backend.settings import Settings, load_settings
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore, version_name

LOG = logging.getLogger(__name__)

CHUNK_TASKS = 50


def run(
    project_id: int, number: int, tasks: list[int], size: int, replace_older: bool, while_live: bool
) -> dict[str, Any]:
    """Prelabel the next chunk of a chain and queue its rest; what a worker calls, by its dotted name.

    Returns:
        The numbers of the chunk's report, and the id of the `next` entry where there is one; or `error` with the code,
        message and hint of why the chain ended.
    """
    step_back()
    settings = load_settings()
    chain = Chain(project_id, number, tuple(tasks), size, replace_older, while_live)
    with log_fields(project=project_id):
        if while_live and _live(settings, project_id) != number:
            return {"tasks": 0}
        try:
            report = prelabelled(settings, chain)
        except BackendError as error:
            LOG.error("prelabelling ended", extra={"code": error.code, "cause": error.message})
            return {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
        LOG.info("prelabelled", extra=report)
        job = get_current_job()
        if chain.rest is not None and job is not None:
            report["next"] = PrelabelQueue(settings, job.connection).add(chain.rest)
        return report


def prelabelled(settings: Settings, chain: Chain) -> dict[str, Any]:
    """Prelabel the next chunk of a chain in this process; the numbers of its report.

    Raises:
        BackendError: something that all of its tasks need is missing or down.
    """
    # As for training: the parent process forks for each entry and must never have imported torch.
    prelabeler = importlib.import_module("backend.ml_backend").Prelabeler(settings, chain.project_id, chain.number)
    report: dict[str, Any] = prelabeler.chunk(chain.chunk, replace_older=chain.replace_older).to_json()
    return report


def begin(project_id: int) -> None:
    """Queue the tasks of a project that nobody annotated for its live version, in place of what waits for older ones.

    What a worker calls after a promotion, by its dotted name.
    """
    step_back()
    settings = load_settings()
    job = get_current_job()
    number = _live(settings, project_id)
    if job is None or number is None:
        return
    with log_fields(project=project_id):
        stored = importlib.import_module("backend.ml_backend").stored_predictions(settings, project_id)
        tasks = [task["id"] for task in stored.missing(version_name(number), annotated=False)]
        queue = PrelabelQueue(settings, job.connection)
        for entry_id, chain in queue.unfinished(project_id).items():
            if chain.while_live:
                queue.forget(entry_id)
        like = Chain(project_id, number, (), CHUNK_TASKS, replace_older=True, while_live=True)
        for chain in chains(queue.workers(), like, tasks):
            queue.add(chain)
        LOG.info("prelabelling queued", extra={"tasks": len(tasks)})


def wish_after_promotion(settings: Settings, project_id: int, connection: Redis | None) -> None:
    """Have a project prelabelled by the version that was just promoted, if the operator wants that.

    Args:
        connection: of the queue; None outside of a worker, where nothing is done.
    """
    if settings.prelabel_after_promotion and connection is not None:
        with suppress(RedisError):  # the next promotion asks again
            PrelabelQueue(settings, connection).add_beginning(project_id)


def _live(settings: Settings, project_id: int) -> int | None:
    return VersionStore(ProjectFolder(settings.data_dir, project_id)).servable()

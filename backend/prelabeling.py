"""A whole project predicted by its live version: found out what is missing, shared out, followed, looked after.

Run in the shell's process, which does not import torch unless it does the work itself.
"""

from __future__ import annotations

import importlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from backend.errors import LabelStudioError, ServiceError, VersionError
from backend.jobs.prelabel_queue import Chain, PrelabelQueue, chains
from backend.jobs.queue import connect as connect_queue
from backend.label_studio.predictions import StoredPredictions
from backend.pipelines.connection import connect
from backend.settings import Settings
from backend.versions.locks import locked
from backend.versions.project import ProjectFolder, load_record
from backend.versions.store import VersionStore, version_name

LOG = logging.getLogger(__name__)

Json = Mapping[str, Any]
Advance = Callable[[Json], None]

LOOK_S = 0.5
PATIENCE_S = 30.0
"""How long Label Studio is asked again while it is down."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants of a project.

    Attributes:
        annotated: pages that somebody annotated too.
        size: tasks of a chunk.
        replace_older: delete what versions before the live one predicted, of pages that nobody annotated.
        choose_version: make the version the project's own in the end.
        here: do it in this process, whether there are workers or not.
        wait: follow the workers to the end; without, what they are to do is queued.
    """

    project_id: int
    annotated: bool
    size: int
    replace_older: bool
    choose_version: bool
    here: bool
    wait: bool


class Prelabeling:
    """One wish, as it is carried out.

    Attributes:
        version: the name of the version that predicts.
        missing: ids of the tasks that lack a prediction of it.

    Raises:
        VersionError: `untrained`: the project has no version.
        LabelStudioError: Label Studio cannot be asked.
    """

    def __init__(self, settings: Settings, wish: Wish) -> None:
        self.settings = settings
        self.wish = wish
        self._folder = ProjectFolder(settings.data_dir, wish.project_id)
        number = VersionStore(self._folder).servable()
        if number is None:
            raise VersionError(
                "untrained",
                f"project {wish.project_id} has no version yet",
                "annotate pages; training starts by itself",
            )
        self._like = Chain(wish.project_id, number, (), wish.size, wish.replace_older)
        self.version = version_name(number)
        connection = connect(settings, load_record(self._folder), patience_s=PATIENCE_S)
        self._stored = StoredPredictions(connection.required_client(), wish.project_id)
        self.missing = [task["id"] for task in self._stored.missing(self.version, annotated=wish.annotated)]
        self._queue = None if wish.here else self._queue_with_workers()
        self.workers = self._queue.workers() if self._queue else 0

    def carry_out(self, advance: Advance) -> None:
        """Have what is missing predicted, by the workers where there are some.

        Args:
            advance: told the report of each chunk when it is done.

        Raises:
            ServiceError: it ended early; what was stored stays, and doing it again goes on from there.
        """
        if self._queue is None:
            self._here(advance)
            return
        try:
            entries = self._share_out(self._queue)
            if self.wish.wait:
                for report in follow(self._queue, entries):
                    advance(report)
        except RedisError as error:
            raise ServiceError("queue_down", "the queue went away", "start it again: it goes on from there") from error

    def look_after(self) -> int:
        """Delete predictions of the version where a page has several; how many there were."""
        with locked(self._folder.push_lock):
            return self._stored.delete_doubles(self.version)

    def choose_version(self) -> str:
        """Make the version the project's own; what it was before.

        Raises:
            LabelStudioError: also where no prediction of it is stored.
        """
        before = self._stored.chosen()
        try:
            self._stored.choose(self.version)
        except LabelStudioError as error:
            if error.answered != 400:
                raise
            raise LabelStudioError(
                "version_not_stored",
                f"Label Studio takes {self.version} for the project's version only once a prediction of it is stored",
                "see why no page was predicted",
            ) from error
        return before

    def _here(self, advance: Advance) -> None:
        if not self.missing:
            return
        prelabeler = importlib.import_module("backend.ml_backend").Prelabeler(
            self.settings, self.wish.project_id, self._like.number
        )
        for chain in chains(len(self.missing), self._like, self.missing):
            advance(prelabeler.chunk(chain.tasks, replace_older=self.wish.replace_older).to_json())

    def _queue_with_workers(self) -> PrelabelQueue | None:
        """The queue; None where it is down or nobody takes anything from it."""
        queue = PrelabelQueue(self.settings, connect_queue(self.settings.queue_url, patient=True))
        try:
            if queue.workers():
                return queue
            for entry_id in queue.unfinished(self.wish.project_id):
                queue.forget(entry_id)  # done here instead, not a second time by a worker that comes later
        except RedisError:
            LOG.info("no queue, the work is done here")
        return None

    def _share_out(self, queue: PrelabelQueue) -> dict[str, Chain]:
        """The chains that do the work: those that an earlier command queued, and new ones for what these lack."""
        entries = {}
        for entry_id, chain in queue.unfinished(self.wish.project_id).items():
            if chain.number == self._like.number:
                entries[entry_id] = chain
            else:
                queue.forget(entry_id)
        taken = {task for chain in entries.values() for task in chain.tasks}
        left = [task for task in self.missing if task not in taken]
        new = chains(self.workers, self._like, left)
        return entries | {queue.add(chain): chain for chain in new}


def follow(queue: PrelabelQueue, entries: Mapping[str, Chain], look_s: float = LOOK_S) -> Iterator[Json]:
    """The report of each chunk as it ends, until all chains have; those that Redis lost are queued again.

    Raises:
        ServiceError: a chain ended early, for the reason that its process gave.
        RedisError: the queue is down.
    """
    at_work = dict(entries)
    while at_work:
        for entry_id, chain in list(at_work.items()):
            ended = queue.ended(entry_id)
            if ended is None:
                continue
            del at_work[entry_id]
            if ended.lost:
                at_work[queue.add(chain)] = chain
                continue
            _raise_error(ended.report)
            if chain.rest is not None and "next" in ended.report:
                at_work[str(ended.report["next"])] = chain.rest
            yield ended.report
        time.sleep(look_s)


def _raise_error(report: Json) -> None:
    if not report:
        raise ServiceError(
            "prelabel_failed", "a worker failed at a chunk of pages", "see its log; doing it again goes on from there"
        )
    error = report.get("error")
    if error is not None:
        raise ServiceError(str(error["code"]), str(error["message"]), str(error["hint"]))


def summary(reports: Counter[str], failed: Mapping[str, int], version: str) -> Iterator[str]:
    """What came of it, in sentences.

    Args:
        reports: the numbers of all chunks, added up.
        failed: pages without a prediction by the code of the reason.
    """
    yield f"{reports['stored']} predictions of {version} stored"
    if reports["had"]:
        yield f"{reports['had']} pages had one already, or are gone"
    if reports["replaced"]:
        yield f"{reports['replaced']} predictions of older versions deleted"
    if failed:
        reasons = ", ".join(f"{count} {code}" for code, count in sorted(failed.items()))
        yield f"{sum(failed.values())} pages have none: {reasons} (README, Troubleshooting; the log names the pages)"


def about_chosen(version: str, before: str) -> Iterator[str]:
    """What changes for the people of a project whose own version was just chosen."""
    yield f"{version} is the project's version now (Settings > Annotation): the Data Manager shows and sorts by its"
    yield "scores, and Uncertainty sampling goes by them. In exchange the label stream shows stored predictions, and"
    yield "the backend is asked for no new ones; a newer version is seen after the next prelabel --set-version."
    if before not in ("", version):
        yield f"To have live predictions again, choose {before!r} there."

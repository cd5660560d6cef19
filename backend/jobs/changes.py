"""The note of what was saved in a project since its last training: one small file per project.

A webhook adds one to `changed`; a run writes the value it read before its export to `trained` when the fast learner has
learnt it, and to `deep_trained` when the deep one has. A run is wanted while they differ, so that a thousand webhooks
make one run and no change is forgotten, whatever dies in between.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace

from backend.versions.files import read_json, write_json
from backend.versions.locks import locked
from backend.versions.project import ProjectFolder

LOG = logging.getLogger(__name__)

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened in a project, and how far training has come. Times are seconds since the epoch.

    Attributes:
        changed: changes noted, ever.
        trained: value of `changed` that was read before the last export that the fast learner has learnt.
        deep_trained: as `trained`, of the deep learner; -1 before its first fit.
        first_at: time of the first change that the fast learner has not learnt; None without one.
        deep_first_at: as `first_at`, of the deep learner.
        last_at: time of the last change; None before the first one.
        asked: times that somebody asked for a run at once.
        answered: value of `asked` that the last run had read.
        job: entry of the queue whose run waits or is at work; empty when there is none.
        run: id of that run as people know it; `job` itself unless the process of an earlier entry took it up.
        next_run: id that was told to somebody who asked for a run, of the one that comes next; empty for none.
        held: value of `changed` that the last run that failed or was refused had read: a later change starts another.
        retry_from: time of a failure that may pass by itself, so that the timer too starts another run; else None.
        fingerprint: state of the annotations in Label Studio that is noted here or trained on.
        config: SHA-256 of the labeling configuration that is noted here.
    """

    changed: int = 0
    trained: int = 0
    deep_trained: int = -1
    first_at: float | None = None
    deep_first_at: float | None = None
    last_at: float | None = None
    asked: int = 0
    answered: int = 0
    job: str = ""
    run: str = ""
    next_run: str = ""
    held: int = 0
    retry_from: float | None = None
    fingerprint: str = ""
    config: str = ""

    @property
    def pending(self) -> bool:
        """Whether the fast learner has something to learn."""
        return self.changed > self.trained

    @property
    def deep_pending(self) -> int:
        """Changes that the deep learner has not learnt."""
        return self.changed - max(self.deep_trained, 0)

    @property
    def wished(self) -> str:
        """Id of the run that does what was asked for last; empty for none."""
        return self.next_run or self.run or self.job

    @property
    def forced(self) -> bool:
        """Whether somebody asked for a run that has not ended yet."""
        return self.asked > self.answered


_NOTHING = Changes()
_TIMES = frozenset({"first_at", "deep_first_at", "last_at", "retry_from"})


def read_changes(folder: ProjectFolder) -> Changes:
    """The note of a project. One that cannot be read counts as a change that is long due."""
    try:
        content = read_json(folder.changes)
        return _NOTHING if content is None else _from_json(content)
    except ValueError as error:
        LOG.error("note of changes damaged", extra={"project": folder.project_id, "cause": type(error).__name__})
        return Changes(changed=1, first_at=0.0, last_at=0.0)


def note_change(folder: ProjectFolder, clock: Clock = time.time, *, count: int = 1) -> Changes:
    """Note that annotations were saved, changed or removed.

    Args:
        count: how many annotated tasks it is about.
    """
    return _update(folder, lambda known: _changed(known, clock(), max(1, count)))


def note_start(folder: ProjectFolder, run: str = "", *, begun: bool = False) -> Changes:
    """Note that somebody wants a run now, changed or not; `wished` of the note is the run that it will be.

    Args:
        run: id for the next run, where none waits and nobody was told one yet.
        begun: whether the noted run is at work, so that it may not know of this wish any more.
    """

    def update(known: Changes) -> Changes:
        waits = bool(known.job) and not begun
        return replace(known, asked=known.asked + 1, next_run=known.next_run or ("" if waits else run))

    return _update(folder, update)


def note_config(folder: ProjectFolder, label_config: str, clock: Clock = time.time) -> bool:
    """Note a labeling configuration; whether it differs from the one noted before, which is a change."""
    config = hashlib.sha256(label_config.encode("utf-8", "surrogatepass")).hexdigest()
    known = read_changes(folder).config
    if known == config:
        return False
    _update(folder, lambda note: replace(_changed(note, clock(), 1) if note.config else note, config=config))
    return known != ""


def note_fingerprint(folder: ProjectFolder, fingerprint: str, seen: Changes, clock: Clock = time.time) -> bool:
    """Note the state of the annotations in Label Studio; whether it told of a change that no webhook had told.

    Args:
        seen: the note as it was read before Label Studio was asked.
    """
    if seen.fingerprint == fingerprint or seen.job:
        return False  # a run that is queued or at work notes what it exported; the next comparison is with that
    counted = False

    def update(note: Changes) -> Changes:
        nonlocal counted
        if note.fingerprint != seen.fingerprint or note.job:
            return note
        # The run that pending changes are waiting for will see this state too: nothing is to be added.
        counted = not note.pending or note.changed <= note.held
        return replace(_changed(note, clock(), 1) if counted else note, fingerprint=fingerprint)

    _update(folder, update)
    return counted


def note_job(folder: ProjectFolder, job: str) -> None:
    """Note the entry of the queue that the next run belongs to; empty for none."""

    def update(known: Changes) -> Changes:
        if not job:
            return replace(known, job="", run="")
        return replace(known, job=job, run=known.next_run or job, next_run="")

    _update(folder, update)


def note_lost(folder: ProjectFolder) -> None:
    """Note that the queue lost its entry: the run is queued again, with the id that was told."""
    _update(folder, lambda known: replace(known, job="", run="", next_run=known.run or known.job))


def mark_trained(folder: ProjectFolder, seen: Changes, fingerprint: str = "") -> None:
    """Note that the fast learner has learnt everything up to `seen`; the run may go on.

    Args:
        seen: the note as it was read before the export.
        fingerprint: of what was exported; empty when it is not known.
    """

    def update(known: Changes) -> Changes:
        return replace(
            known,
            trained=max(known.trained, min(seen.changed, known.changed)),
            first_at=_first_after(known, seen),
            fingerprint=fingerprint or known.fingerprint,
        )

    _update(folder, update)


def mark_deep_trained(folder: ProjectFolder, seen: Changes) -> None:
    """Note that the deep learner has learnt everything up to `seen`, or that there is no use in trying."""

    def update(known: Changes) -> Changes:
        trained = max(known.deep_trained, min(seen.changed, known.changed))
        return replace(known, deep_trained=trained, deep_first_at=_first_after(known, seen))

    _update(folder, update)


def mark_ended(folder: ProjectFolder, seen: Changes) -> None:
    """Note the end of a run that needs no repetition.

    Args:
        seen: the note as it was read when the run began.
    """
    _update(folder, lambda known: _ended(known, seen))


def mark_failed(folder: ProjectFolder, seen: Changes, *, retry_from: float | None = None) -> None:
    """Note the end of a run that came to nothing, or not to all: its changes wait for the next.

    Args:
        seen: the note as it was read before the export.
        retry_from: now, for a failure that may pass by itself; None to wait for another change or for somebody.
    """

    def update(known: Changes) -> Changes:
        held = min(seen.changed, known.changed)
        return replace(_ended(known, seen), held=held, retry_from=retry_from, first_at=_first_after(known, seen))

    _update(folder, update)


def _changed(known: Changes, now: float, count: int) -> Changes:
    return replace(
        known,
        changed=known.changed + count,
        first_at=known.first_at if known.first_at is not None else now,
        deep_first_at=known.deep_first_at if known.deep_first_at is not None else now,
        last_at=now,
    )


def _first_after(known: Changes, seen: Changes) -> float | None:
    """Time of the first change after `seen`, told by the last one: a little too late, as one time is kept, not all."""
    return known.last_at if known.changed > seen.changed else None


def _ended(known: Changes, seen: Changes) -> Changes:
    """A run's end, whatever it came to."""
    answered = max(known.answered, seen.asked)
    return replace(
        known,
        answered=answered,
        next_run=known.next_run if known.asked > answered else "",  # else nobody waits for it any more
        job="" if known.job == seen.job else known.job,
        run="" if known.job == seen.job else known.run,
        retry_from=None,
    )


def _update(folder: ProjectFolder, update: Callable[[Changes], Changes]) -> Changes:
    with locked(folder.changes_lock):
        changes = update(read_changes(folder))
        # Not durable: what a power cut takes is found again by comparing fingerprints.
        write_json(folder.changes, asdict(changes), durable=False)
    return changes


def _from_json(content: object) -> Changes:
    """The note as it was written; raises ValueError for anything that no release writes."""
    if not isinstance(content, dict):
        raise ValueError("no object")
    known = {field.name: content[field.name] for field in fields(Changes) if field.name in content}
    for name, value in known.items():
        kinds = (int, float, type(None)) if name in _TIMES else (type(getattr(_NOTHING, name)),)
        if not isinstance(value, kinds):
            raise ValueError(name)
    note = Changes(**known)
    if "deep_trained" not in known:  # written when each run fitted both learners
        note = replace(note, deep_trained=note.trained, deep_first_at=note.first_at)
    return note

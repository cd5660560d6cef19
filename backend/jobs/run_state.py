"""What a project's last or present training run is doing: written by the run, read by the web process."""

from __future__ import annotations

import logging
import math
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from backend.versions.files import read_json, write_json
from backend.versions.project import ProjectFolder

LOG = logging.getLogger(__name__)

MOST_LOSSES = 100
"""Losses that are kept of a fit, which tells some twenty: the file is written several times a second."""


class Phase(StrEnum):
    """Where a run stands."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    """Ended well without a version: there is too little to learn from, or the like; `message` says what is missing."""


@dataclass(frozen=True, slots=True)
class RunState:
    """A run as people see it. Times are seconds since the epoch.

    Attributes:
        job: the run's id in the queue.
        stage: what it is doing: export, read, fit, judge, report.
        step: optimizer steps done of `steps`; 0 of 0 outside fitting.
        loss: of the last step that told one.
        losses: [step, loss] of the last or present deep fit, in the order of the steps; kept until the next tells some.
        version: number of the version it made.
        promoted: whether that version is served; `reason` says why.
        metrics: figures of the version on held-out pages.
        code: of the failure or refusal, with `message` and `hint`; a running run shows the previous run's.
        outcomes: how often runs of the project ended in each state, ever; counted when a state is written.
        refused_key: what Label Studio refused the run for, as a digest; the same is not tried again at once.
        config_changed: whether the labeling configuration was changed while it was at work; its labels are from before.

    A waiting run shows everything of the previous one but its job.
    """

    job: str
    state: Phase
    stage: str = ""
    step: int = 0
    steps: int = 0
    loss: float | None = None
    losses: list[list[float]] = field(default_factory=list)
    started: float | None = None
    ended: float | None = None
    version: int | None = None
    promoted: bool = False
    reason: str = ""
    annotations: int = 0
    metrics: dict[str, Any] = field(default_factory=dict)
    code: str = ""
    message: str = ""
    hint: str = ""
    refused_key: str = ""
    config_changed: bool = False
    outcomes: dict[str, int] = field(default_factory=dict, compare=False)

    @property
    def active(self) -> bool:
        return self.state in (Phase.WAITING, Phase.RUNNING)


def with_loss(losses: list[list[float]], step: int, loss: float) -> list[list[float]]:
    """The losses with one more, as a new list.

    What was told of this step and later ones belongs to an earlier fit, or to steps that are done again after a kill.
    """
    if not math.isfinite(loss):
        return losses  # JSON has no name for it
    earlier = [point for point in losses if point[0] < step]
    return [*earlier, [step, round(loss, 4)]][-MOST_LOSSES:]


def read_run(folder: ProjectFolder) -> RunState | None:
    """The last or present run; None before the first one, or when its file cannot be read."""
    try:
        content = read_json(folder.run)
        if content is None:
            return None
        known = {item.name: content[item.name] for item in fields(RunState) if item.name in content}
        return RunState(**known | {"state": Phase(content["state"])})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        LOG.error("state of the run damaged", extra={"project": folder.project_id, "cause": type(error).__name__})
        return None


def write_run(folder: ProjectFolder, state: RunState) -> None:
    """Show a run's state from now on."""
    content = asdict(replace(state, outcomes=_outcomes(read_run(folder), state)))
    if state.loss is not None and not math.isfinite(state.loss):
        content["loss"] = None  # JSON has no name for it
    # Not durable: it is written several times a second, and tells of a process that a power cut ends anyway.
    write_json(folder.run, content, durable=False)


def _outcomes(before: RunState | None, state: RunState) -> dict[str, int]:
    """The counts of endings with a state that follows this one."""
    counts = dict(before.outcomes) if before else {}
    if before is not None and before.state is Phase.RUNNING and not state.active:
        counts[state.state] = counts.get(state.state, 0) + 1
    return counts


ENDINGS = {
    "killed": ("the training process was killed", "most often there is too little memory; Start Training tries again"),
    "stalled": ("the run made no progress for too long and was ended", "raise TRAIN_STALL_S if it was only slow"),
    "timeout": ("the run took too long and was ended", "raise TRAIN_TIMEOUT_S"),
}
"""How a run's process may end that does not end by itself: code, with message and hint."""


def killed(state: RunState, now: float, code: str = "killed") -> RunState:
    """The state of a run whose process was killed, by whomever for one of ENDINGS."""
    message, hint = ENDINGS[code]
    return replace(state, state=Phase.FAILED, ended=now, code=code, message=message, hint=hint)

"""How the training of a project stands, in words and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backend.jobs.changes import Changes, read_changes
from backend.jobs.run_state import Phase, RunState, read_run
from backend.service.projects import training_phase
from backend.service.ui.charts import Chart, chart
from backend.service.ui.service_view import NOT_ENOUGH, Level
from backend.versions.project import ProjectFolder
from backend.versions.store import version_name

STAGES = {
    "export": "asking Label Studio for the annotations",
    "read": "reading the annotated pages",
    "fit": "learning",
    "judge": "comparing with the live version",
    "report": "writing the report",
}
STATES = {
    None: "nothing to learn yet",
    Phase.WAITING: "waiting",
    Phase.RUNNING: "training",
    Phase.SUCCEEDED: "up to date",
    Phase.REFUSED: "ended without a version",
    Phase.FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong, and what to do about it."""

    message: str
    remedy: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the last run that made a version came to. `ended` in seconds since the epoch."""

    version: str
    promoted: bool
    reason: str
    annotations: int
    ended: float | None


@dataclass(frozen=True, slots=True)
class TrainingView:
    """The training of a project.

    Attributes:
        phase: None before it was ever wanted.
        place: in the queue, from 1; 0 where it is not known or there is none.
        step: optimizer steps done of `steps`; 0 of 0 outside of fitting the deep learner.
        started: seconds since the epoch; None while nothing runs.
        losses: of the fit that runs (`fitting`) or the last one; None before there was one.
        pending: changes that are not learnt.
        trouble: why the last run came to nothing; None where it went well.
        seen: differs when more of the page has changed than this.
    """

    phase: Phase | None
    state: str
    stage: str
    place: int
    step: int
    steps: int
    started: float | None
    losses: Chart | None
    fitting: bool
    pending: int
    outcome: Outcome | None
    trouble: Trouble | None
    seen: str

    @property
    def active(self) -> bool:
        return self.phase in (Phase.WAITING, Phase.RUNNING)

    @property
    def waits_for_pages(self) -> bool:
        """Whether the last run ended for want of annotated pages, which is no fault."""
        return self.trouble is not None and self.trouble.code == NOT_ENOUGH

    @property
    def level(self) -> Level:
        if self.active or self.waits_for_pages:
            return Level.BUSY
        return Level.BAD if self.trouble is not None else Level.GOOD


def training_view(folder: ProjectFolder, queued: Sequence[str], live: str) -> TrainingView:
    """How the training of a project stands.

    Args:
        queued: the entries of the queue, the next one first.
        live: name of the version that is to be served.

    Raises:
        OSError: its files cannot be read.
        ValueError, TypeError, KeyError, AttributeError: they are not as runs write them.
    """
    run, changes, phase = read_run(folder), read_changes(folder), training_phase(folder)
    fitting = run is not None and phase is Phase.RUNNING and run.stage == "fit" and run.steps > 0
    ended = run.ended if run is not None else None
    return TrainingView(
        phase=phase,
        state="waiting for more pages" if phase is Phase.REFUSED and run and run.code == NOT_ENOUGH else STATES[phase],
        stage=STAGES.get(run.stage, "starting") if run is not None and phase is Phase.RUNNING else "",
        place=_place(changes, queued) if phase is Phase.WAITING else 0,
        step=int(run.step) if run is not None and fitting else 0,
        steps=int(run.steps) if run is not None and fitting else 0,
        started=run.started if run is not None and phase is Phase.RUNNING else None,
        losses=_losses(run, fitting),
        fitting=fitting,
        pending=max(0, changes.changed - changes.trained),
        outcome=_outcome(run),
        trouble=Trouble(run.message, run.hint, run.code) if run is not None and run.code else None,
        seen=f"{live} {phase} {ended}",
    )


def _place(changes: Changes, queued: Sequence[str]) -> int:
    return queued.index(changes.job) + 1 if changes.job in queued else 0


def _losses(run: RunState | None, fitting: bool) -> Chart | None:
    """The loss curve; while a fit runs its own only, which begins with its first loss."""
    points = [(float(step), float(loss)) for step, loss in run.losses] if run is not None else []
    if run is None or not points or (fitting and points[-1][0] > run.step):
        return None
    (first, before), (last, now) = points[0], points[-1]
    summary = f"loss {before:.3g} at step {first:.0f}, {now:.3g} at step {last:.0f}"
    return chart(points, summary=summary, x_label="optimizer steps", y_label="loss", x_end=run.steps if fitting else 0)


def _outcome(run: RunState | None) -> Outcome | None:
    if run is None or run.version is None:
        return None
    return Outcome(version_name(int(run.version)), bool(run.promoted), str(run.reason), int(run.annotations), run.ended)

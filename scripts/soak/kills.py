"""Kills processes and takes the time until all is as before."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from functools import partial

from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from backend.jobs.changes import read_changes
from backend.jobs.due import due
from backend.jobs.parent import is_running
from backend.jobs.queue import connect
from backend.jobs.run_state import Phase, read_run
from backend.settings import load_settings
from backend.versions.locks import is_locked
from scripts.soak.ledger import ORPHAN, REPAIR
from scripts.soak.moments import wait_for
from scripts.soak.plan import ANY, OF_RUNS, PAUSE, Kill
from scripts.soak.product import CHILD, LASTING, MASTER, REDIS, SUPERVISOR, WEB, Product
from scripts.soak.scene import Scene

SERVING_S, RESUMED_S = 30.0, 120.0
"""What is asked: predictions again after a kill, and a killed run at work again."""
PATIENCE = 4
"""After so many times as long it will not happen by itself."""
AIM_S = 60.0
SILENCING = frozenset({WEB, MASTER, SUPERVISOR})
"""Those without which requests are not answered."""
LOOK_EVERY_S = 0.1

SERVING, WHOLE, RESUMED = "until predictions are answered", "until all processes are back", "until the run is resumed"


class Killer:
    """Kills what it is told to, one after the other, and waits until each is made good."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def kill(self, kill: Kill) -> None:
        """Kill, wait, and note what was found."""
        time.sleep(kill.wait_s)
        target = REDIS if kill.target == PAUSE else kill.target
        seen = _Roles(self._scene.product)
        met = self._wait_for_moment(kill, lambda: target in seen().values())
        time.sleep(kill.lag_s)
        hit = seen.of(target)
        if not hit:
            self._scene.ledger.count("kills that found nothing to kill")
            return
        silenced = seen.of(WEB, MASTER) if target in SILENCING else frozenset()
        at_work = self._at_work() if kill.target in OF_RUNS else {}
        with self._scene.silence.allowed() if target in SILENCING else nullcontext():
            at, moment = time.monotonic(), time.time()
            _hit(kill, hit)
            self._note(kill, met, at_work)
            self._take_time(SERVING, at, SERVING_S, lambda: self._serves(silenced))
            self._take_time(WHOLE, at, SERVING_S, lambda: self._is_whole(hit if kill.target != PAUSE else frozenset()))
        for project in at_work:
            resumed = partial(self._is_resumed, project, moment, seen.of(CHILD))
            self._take_time(RESUMED, at, RESUMED_S, resumed, Behind(partial(self._waits_behind_another, project)))
        for orphan in self._scene.product.lasting_orphans():
            self._scene.ledger.fault(ORPHAN, f"after the kill of {kill.target}: {orphan}")

    def _wait_for_moment(self, kill: Kill, there: Callable[[], bool]) -> bool:
        """Wait until the target is there and the moment has come; whether it has."""
        folders = [self._scene.folder(project.number) for project in self._scene.projects]
        if kill.aim != ANY and wait_for(kill.aim, folders, AIM_S, there):
            return True
        last_look = time.monotonic() + AIM_S
        while not there() and time.monotonic() < last_look:
            time.sleep(LOOK_EVERY_S)
        return False

    def _note(self, kill: Kill, met: bool, at_work: Mapping[int, str]) -> None:
        ledger = self._scene.ledger
        ledger.count(f"kills: {kill.target}")
        if kill.aim != ANY:
            ledger.count(f"kills at the moment of: {kill.aim}" if met else "kills for which the moment did not come")
        ledger.say(f"{kill.target} hit at: {kill.aim if met else ANY}; runs at work: {dict(at_work) or 'none'}")

    def _at_work(self) -> Mapping[int, str]:
        """The projects that are being trained, and their jobs."""
        found = {}
        for project in self._scene.projects:
            folder = self._scene.folder(project.number)
            run = read_run(folder)
            if run is not None and run.state is Phase.RUNNING and is_locked(folder.train_lock):
                found[project.number] = run.job
        return found

    def _take_time(
        self, what: str, since: float, limit_s: float, holds: Callable[[], bool], behind: Behind | None = None
    ) -> None:
        """Wait until something holds. What does not come by itself is a fault, mended by a new start.

        Args:
            behind: seconds that do not count.
        """
        ledger = self._scene.ledger
        while not holds():
            if time.monotonic() - since - (behind.look() if behind else 0.0) > PATIENCE * limit_s:
                ledger.fault(REPAIR, f"waited in vain {what}; the command is started anew")
                self._start_anew()
                break
            time.sleep(LOOK_EVERY_S)
        took = time.monotonic() - since
        uncounted = behind.look() if behind else 0.0
        ledger.took(what, took - uncounted)
        if behind is not None:
            ledger.took(f"{what}, with the wait for another project's run", took)
        ledger.say(f"{took - uncounted:.1f} s {what}" + (f", {uncounted:.1f} s behind another" if uncounted else ""))

    def _start_anew(self) -> None:
        with self._scene.silence.allowed():
            self._scene.product.stop()
            self._scene.product.start()
            while not self._scene.product.answers():
                time.sleep(LOOK_EVERY_S)

    def _waits_behind_another(self, project: int) -> bool:
        """Whether the run of a project is ready in the queue while the only worker trains another one."""
        others = (self._scene.folder(other.number).train_lock for other in self._scene.projects)
        mine = self._scene.folder(project)
        if not any(is_locked(lock) for lock in others if lock != mine.train_lock):
            return False
        url = f"unix://{self._scene.product.data_dir}/run/redis.sock"
        try:
            with connect(url, patient=False) as redis:
                return read_changes(mine).job in Queue("training", connection=redis, serializer=JSONSerializer).job_ids
        except RedisError:
            return False

    def _serves(self, silenced: frozenset[int]) -> bool:
        """Whether a web server that was not killed answers, and predicts."""
        web = self._scene.product.pids(WEB) - silenced
        if not web or not self._scene.product.answers():
            return False
        project = self._scene.projects[0]
        return self._scene.predict(project, project.tasks[:1], [project.known[0].size])

    def _is_whole(self, killed: frozenset[int]) -> bool:
        """Whether every process that lasts is there, and none that was killed."""
        roles = {pid: role for pid, role in self._scene.product.roles().items() if pid not in killed}
        return set(LASTING) <= set(roles.values())

    def _is_resumed(self, project: int, killed_at: float, ended: frozenset[int]) -> bool:
        """Whether a process is at the project's run again, or nothing was left to train.

        Args:
            killed_at: seconds since the epoch.
            ended: the processes that were at it.
        """
        folder = self._scene.folder(project)
        run = read_run(folder)
        if run is None:
            return False
        if run.started is not None and run.started > killed_at:
            return True
        if is_locked(folder.train_lock) and not any(map(is_running, ended)):
            return True
        if run.state in (Phase.SUCCEEDED, Phase.REFUSED):
            return True  # it had come to its end, or had nothing left to do
        changes = read_changes(folder)
        if changes.job:
            return False
        if changes.pending and changes.changed <= changes.held:
            self._scene.ledger.count("runs given up, which the next annotation starts again")
            return True
        settings = load_settings(self._scene.product.environ)
        return not due(changes, settings, time.time() + settings.train_longest_delay_s)


class Behind:
    """How long something has been true, looked at again and again."""

    def __init__(self, is_true: Callable[[], bool]) -> None:
        self._is_true = is_true
        self._seconds = 0.0
        self._looked_at = time.monotonic()

    def look(self) -> float:
        """Seconds until now; what is true now counts since the last look."""
        since, self._looked_at = self._looked_at, time.monotonic()
        if self._is_true():
            self._seconds += self._looked_at - since
        return self._seconds


class _Roles:
    """The processes by role, looked up only now and then: that takes longer than a moment lasts."""

    EVERY_S = 0.25

    def __init__(self, product: Product) -> None:
        self._last: dict[int, str] = {}
        self._product = product
        self._looked_at = float("-inf")

    def __call__(self) -> dict[int, str]:
        if time.monotonic() - self._looked_at > self.EVERY_S:
            self._last, self._looked_at = self._product.roles(), time.monotonic()
        return self._last

    def of(self, *roles: str) -> frozenset[int]:
        """The processes that had one of these roles when they were looked up last."""
        return frozenset(pid for pid, role in self._last.items() if role in roles)


def _hit(kill: Kill, pids: frozenset[int]) -> None:
    if kill.target == PAUSE:
        _signal(pids, signal.SIGSTOP)
        time.sleep(kill.pause_s)
        _signal(pids, signal.SIGCONT)
    else:
        _signal(pids, signal.SIGKILL)


def _signal(pids: frozenset[int], signum: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signum)

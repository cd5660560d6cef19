"""A worker whose training is a stand-in: `python -m tests.jobs.stand_in`. What it does stands in `plan.json`.

`plan.json` in the project's folder is a list, one for each run that begins; the last is for all that follow: succeed,
slow, wait (until there is a file `go`), hang, spin (in native code, where Python hears no signal), learn (a real deep
fit of the tiny model in `tiny`, in no hurry), die, fail and refuse. Each run that begins and each that succeeds is a
line in `log.txt`, and each step of a real fit.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import signal
import time
from functools import partial
from typing import Any

from backend.errors import TrainingRefused
from backend.jobs.run_notes import RunNotes
from backend.jobs.train_job import Recorder, Train, run_in_worker
from backend.jobs.worker import TrainingJob, work
from backend.logs import configure_logs
from backend.settings import Settings, load_settings
from backend.versions.files import write_atomic
from backend.versions.project import ProjectFolder

JOB = "tests.jobs.stand_in.run"

REPORT = {
    "version": 1,
    "promoted": True,
    "reason": "better",
    "metrics": {"f1": 0.5},
    "fingerprint": "f1",
    "annotations": 5,
}


class StandInJob(TrainingJob):
    accepted = JOB


def run(project_id: int) -> None:
    run_in_worker(load_settings(), project_id, load)


def load(settings: Settings, project_id: int) -> Train:
    return partial(train, ProjectFolder(settings.data_dir, project_id))


def train(folder: ProjectFolder, progress: Recorder, notes: RunNotes) -> dict[str, Any]:
    step = next_step(folder)
    tell(folder, f"begin {os.getpid()}")  # from here on a test may kill it
    progress(stage="fit", step=1, steps=2)
    if step == "hang":
        time.sleep(600)
    if step == "spin":
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
    if step == "slow":
        time.sleep(8)
    if step == "wait":
        while not (folder.path / "go").exists():
            time.sleep(0.05)
    if step == "learn":
        # As the product has it, by name: the worker's parent must never have imported torch.
        importlib.import_module("tests.jobs.slow_fit").learn(folder, progress, notes, partial(tell, folder))
    if step == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if step == "fail":
        raise RuntimeError("a defect")
    if step == "refuse":
        raise TrainingRefused("too_few", "3 of 5 annotated pages", "annotate 2 more")
    if notes.deep_is_due():
        notes.deep_learnt()
    tell(folder, "end")
    return REPORT


def next_step(folder: ProjectFolder) -> str:
    plan = folder.path / "plan.json"
    steps: list[str] = json.loads(plan.read_text()) if plan.exists() else ["succeed"]
    if len(steps) > 1:
        write_atomic(plan, json.dumps(steps[1:]).encode())  # a kill may come at any time
    return steps[0]


def tell(folder: ProjectFolder, line: str) -> None:
    with (folder.path / "log.txt").open("a") as log:
        log.write(f"{line}\n")


def told(folder: ProjectFolder) -> list[str]:
    log = folder.path / "log.txt"
    return log.read_text().splitlines() if log.exists() else []


if __name__ == "__main__":
    configure_logs("INFO")
    work(load_settings(), StandInJob)

"""A project as training runs leave it on disk, without any training: versions, their history, a report, a run."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from backend.jobs.changes import note_change
from backend.jobs.run_state import Phase, RunState, write_run
from backend.versions.files import write_json
from backend.versions.project import ProjectFolder, ProjectRecord, save_record
from backend.versions.reports import REPORT_FILE
from backend.versions.store import VersionStore

STUDIO = "http://studio.example:8080"
TITLE = "Purchase orders <2026>"
REFUSAL = "worse: F1 0.441 against 0.480 of the live version on 9 held-out pages (difference -0.081 to -0.010)"
PROMOTION = "F1 0.630 against 0.480 of the live version on 9 held-out pages (difference +0.090 to +0.210)"
VERSIONS = (
    (0.31, "first version of this project", True),
    (0.48, "F1 0.480 on 9 pages, too few to compare versions", True),
    (0.44, REFUSAL, False),
    (0.63, PROMOTION, True),
)
"""F1, reason, and whether it was promoted, of v1 to v4; v4 is live."""
ADVICE = 'Label 9 more pages with "header": its F1 is forecast to rise from 0.41 to 0.44.'
NOT_ENOUGH = RunState(
    *("train-3-a", Phase.REFUSED),
    ended=1.0,
    code="not_enough_data",
    message="3 annotated pages, 5 are needed: annotate 2 more",
    hint="or lower TRAIN_MIN_ANNOTATIONS",
)


def write_project(data_dir: Path, number: int = 3, *, label: str = "header") -> ProjectFolder:
    """A project with four versions, a report on the last of them and a deep fit at work.

    Args:
        label: name of one of its labels.
    """
    folder = ProjectFolder(data_dir, number)
    save_record(data_dir, ProjectRecord(number, STUDIO, "", "<View/>", 0.0, title=TITLE))
    store = VersionStore(folder)
    for index, (f1, reason, promoted) in enumerate(VERSIONS):
        with store.stage() as staged:
            (staged / "model.safetensors").write_bytes(b"weights")
            version = store.publish(staged, facts(index, f1))
        (store.promote if promoted else store.refuse)(version, reason)
    folder.reports.joinpath("4").mkdir(parents=True)
    write_json(folder.reports / "4" / REPORT_FILE, report(label))
    note_change(folder, count=2)
    write_run(folder, running(216))
    return folder


def facts(index: int, f1: float) -> dict[str, Any]:
    """What the manifest of a version tells."""
    return {
        "learners": ["fast", "deep"] if index else ["fast"],
        "trained_on": list(range(5 + 8 * index)),
        "base_model": "starter",
        "base_model_licence": "Apache-2.0",
        "estimate": {"f1": f1, "tasks": list(range(9))},
    }


def running(step: int) -> RunState:
    """A deep fit at work, which told a loss each 20 steps."""
    losses = [[20 * told, round(0.2 + 2.3 * math.exp(-told / 4), 4)] for told in range(1, step // 20 + 1)]
    return RunState(
        *("train-3-a", Phase.RUNNING),
        stage="fit",
        step=step,
        steps=400,
        losses=losses,
        started=time.time() - 130,
        version=4,
        promoted=True,
        reason=PROMOTION,
        annotations=29,
    )


def report(label: str = "header") -> dict[str, Any]:
    """A report as docs/REPORTS.md has it."""
    return {
        "version": "v4",
        "created": "2026-11-21T19:40:00Z",
        "annotated_pages": 29,
        "pages_with_label": {label: 12, "question": 29, "answer": 29, "total": 0},
        "advice": [
            {"kind": "more", "text": ADVICE},
            {"kind": "doubts", "text": "Look at 3 annotations that the model confidently disagrees with."},
        ],
        "scores": {
            "pages": 9,
            "micro": figures(0.63, 210),
            "labels": {label: figures(0.41, 30), "question": figures(0.72, 90), "answer": figures(0.66, 90)},
        },
        "learning_curve": {
            "points": [
                {"pages": pages, "f1": f1} for pages, f1 in ((3, 0.2), (5, 0.28), (5, 0.32), (10, 0.4), (21, 0.5))
            ],
            "forecast": {"ceiling": 0.75, "gap": 0.25, "rate": 0.4, "measured_to": 21, "believed_to": 52},
        },
        "effort": {"groups": [edits("v1 to v2", 61, moved=30), edits("v4", 122, moved=12)]},
        "suspects": [suspect(number, label) for number in (101, 102, 103)],
    }


def figures(f1: float, drawn: int) -> dict[str, Any]:
    right = round(f1 * drawn)
    return {"f1": f1, "precision": f1, "recall": f1, "right": right, "proposed": drawn, "drawn": drawn}


def edits(versions: str, accepted: int, *, moved: int) -> dict[str, Any]:
    counts = {"accepted": accepted, "moved": moved, "relabelled": 9, "added": 14, "deleted": 6}
    share = accepted / sum(counts.values())
    return {"version": versions, "pages": 6, "untouched_pages": 1, **counts, "no_edit_share": round(share, 4)}


def suspect(task: int, label: str) -> dict[str, Any]:
    link = f"{STUDIO}/projects/3/data?task={task}"
    drawn = None if task == 103 else label
    return {"task": task, "page": 1, "label": drawn, "proposed": "answer", "score": 0.93, "link": link}

"""A training run by hand, and what came of the others."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Any

from backend.commands.parts import Commands, add_for_project, print_json, project_store
from backend.errors import TrainingRefused
from backend.settings import Settings


def add(commands: Commands) -> None:
    add_for_project(commands, "train", train)
    add_for_project(commands, "evaluate", evaluate)
    of_version = add_for_project(commands, "report", report)
    of_version.add_argument("--version", type=int, help="number of the version; by default the live one")


def train(settings: Settings, options: argparse.Namespace) -> int:
    """One training run here and now, without the queue."""
    folder = importlib.import_module("backend.versions.project").ProjectFolder(settings.data_dir, options.project)
    locks = importlib.import_module("backend.versions.locks")
    try:
        with locks.locked(folder.train_lock, patience_s=0):
            trainer = importlib.import_module("backend.ml_backend").Trainer(settings, options.project)
            print_json(trainer.run(_print_progress))
    except locks.Busy:
        raise TrainingRefused(
            "already_training", f"project {options.project} is being trained", "wait for it"
        ) from None
    return 0


def evaluate(settings: Settings, options: argparse.Namespace) -> int:
    """Region F1 of the live version on the annotated pages it was not trained on."""
    shell = importlib.import_module("backend.shell")
    print_json(shell.evaluate(settings, options.project))
    return 0


def report(settings: Settings, options: argparse.Namespace) -> int:
    """What to label next, scores, human effort and doubtful annotations of a version."""
    store = project_store(settings, options.project)
    reports = importlib.import_module("backend.versions.reports")
    if options.version is None:
        content = reports.latest_report(store.project, store.current())
    else:
        content = reports.required_report(store.project, options.version)
    for line in importlib.import_module("backend.reports.text").report_lines(content):
        print(line)
    return 0


def _print_progress(**fields: Any) -> None:
    print(" ".join(f"{name}={value}" for name, value in fields.items() if value is not None), file=sys.stderr)

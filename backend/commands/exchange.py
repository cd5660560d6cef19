"""Annotated pages out to other programs, and models in from them."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from backend.commands.parts import Commands, add_for_project
from backend.errors import TrainingRefused
from backend.settings import Settings

PATIENCE_S = 120.0
"""How long a run of the project is waited for: most have only looked whether there is something to learn."""


def add(commands: Commands) -> None:
    out = add_for_project(commands, "export", export)
    out.add_argument(
        "--format", choices=("funsd", "hf"), required=True, help="FUNSD's folders, or those of Hugging Face `datasets`"
    )
    out.add_argument("--out", type=Path, required=True, help="folder to write; new or empty")
    into = add_for_project(commands, "import-checkpoint", import_checkpoint)
    into.add_argument("folder", type=Path, metavar="FOLDER", help="config.json, model.safetensors and tokenizer.json")
    into.add_argument(
        "--boxes",
        choices=("segments", "words"),
        default="segments",
        help="what the model was trained with: boxes of line segments (the default) or of single words",
    )


def export(settings: Settings, options: argparse.Namespace) -> int:
    """The annotated pages of a project with words, boxes and labels, for other programs."""
    workshop = importlib.import_module("backend.workshop").Workshop(settings)
    story = importlib.import_module("backend.pipelines.exchange").export
    for line in story(workshop, options.project, options.format, options.out, _print_progress):
        print(line)
    return 0


def import_checkpoint(settings: Settings, options: argparse.Namespace) -> int:
    """A version of a project from a model that was fine-tuned elsewhere."""
    folder = importlib.import_module("backend.versions.project").ProjectFolder(settings.data_dir, options.project)
    locks = importlib.import_module("backend.versions.locks")
    try:
        with locks.locked(folder.train_lock, patience_s=PATIENCE_S):
            workshop = importlib.import_module("backend.workshop").Workshop(settings)
            story = importlib.import_module("backend.pipelines.exchange").import_model
            segments = options.boxes == "segments"
            for line in story(workshop, options.project, options.folder, segment_boxes=segments):
                print(line)
    except locks.Busy:
        raise TrainingRefused(
            "already_training", f"project {options.project} is being trained", "wait until /health shows no training"
        ) from None
    return 0


def _print_progress(done: int, tasks: int) -> None:
    if sys.stderr.isatty():
        print(f"\rtask {done} of {tasks}", end="\n" if done == tasks else "", file=sys.stderr, flush=True)

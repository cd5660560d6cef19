"""Predicting a file, without Label Studio."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from backend.commands.parts import Commands, add_command, print_json, read_file
from backend.settings import Settings


def add(commands: Commands) -> None:
    of_file = add_command(commands, "predict", predict)
    of_file.add_argument("image", type=Path, help="page image: JPEG, PNG, TIFF, WebP, GIF or BMP")
    of_file.add_argument("--label-config", type=Path, required=True, help="labeling configuration (XML)")
    of_file.add_argument("--project", type=int, help="use this project's live version")
    of_file.add_argument("--version", type=Path, help="use this version folder")


def predict(settings: Settings, options: argparse.Namespace) -> int:
    """Label Studio result JSON for an image file."""
    shell = importlib.import_module("backend.shell")
    config = read_file(options.label_config).decode("utf-8", errors="replace")
    print_json(shell.predict_image(settings, read_file(options.image), config, options.project, options.version))
    return 0

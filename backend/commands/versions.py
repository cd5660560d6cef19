"""The versions of a project: which there are, which is served."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from backend.commands.parts import Commands, add_command, add_for_project, project_store
from backend.settings import Settings


def add(commands: Commands) -> None:
    add_for_project(commands, "versions", versions)
    add_for_project(commands, "promote", promote).add_argument("version", type=int, help="number of the version")
    add_for_project(commands, "rollback", rollback)
    add_command(commands, "try-version", try_version).add_argument("folder", type=Path)


def versions(settings: Settings, options: argparse.Namespace) -> int:
    """The versions of a project with their figures, newest first."""
    shell = importlib.import_module("backend.shell")
    for line in shell.version_lines(settings, options.project):
        print(line)
    return 0


def promote(settings: Settings, options: argparse.Namespace) -> int:
    """Serve a version from now on."""
    store = project_store(settings, options.project)
    store.promote(options.version, "promoted by hand")
    print(f"project {options.project} serves v{options.version}")
    return 0


def rollback(settings: Settings, options: argparse.Namespace) -> int:
    """Serve the version that was served before."""
    number = project_store(settings, options.project).rollback("rolled back by hand")
    print(f"project {options.project} serves v{number}")
    return 0


def try_version(settings: Settings, options: argparse.Namespace) -> int:
    """Load a version folder and predict a page with it; used before a version is published."""
    importlib.import_module("backend.shell").try_version(settings, options.folder)
    return 0

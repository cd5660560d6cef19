"""What the commands have in common: how they are added, which project they are about, how they read and print."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from backend.errors import RequestError
from backend.settings import Settings

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What `add_subparsers` gives; argparse has no public name for it."""

Command = Callable[[Settings, argparse.Namespace], int]
"""Does one thing; the exit status comes back."""


def add_command(commands: Commands, name: str, command: Command) -> argparse.ArgumentParser:
    """A command under its name; its docstring is its help."""
    added = commands.add_parser(name, help=(command.__doc__ or "").strip(), description=command.__doc__)
    added.set_defaults(command=command)
    return added


def add_for_project(commands: Commands, name: str, command: Command) -> argparse.ArgumentParser:
    """A command on one project of Label Studio."""
    added = add_command(commands, name, command)
    added.add_argument("--project", type=int, required=True, help="number of the Label Studio project")
    return added


def read_file(path: Path) -> bytes:
    """The content of a file that an argument names.

    Raises:
        RequestError: `file_missing`.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise RequestError("file_missing", f"{path} cannot be read: {error.strerror}") from error


def project_store(settings: Settings, project_id: int) -> Any:
    """The `VersionStore` of a project."""
    project = importlib.import_module("backend.versions.project").ProjectFolder(settings.data_dir, project_id)
    return importlib.import_module("backend.versions.store").VersionStore(project)


def print_json(content: object) -> None:
    print(json.dumps(content, ensure_ascii=False, indent=2))

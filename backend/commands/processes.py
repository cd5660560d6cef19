"""The processes of the product: all of them, or a worker alone."""

from __future__ import annotations

import argparse
import importlib

from backend.commands.parts import Commands, add_command
from backend.settings import Settings


def add(commands: Commands) -> None:
    add_command(commands, "run", run)
    add_command(commands, "worker", worker)


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Redis, worker and web server as children of this process."""
    notes = importlib.import_module("backend.supervise.notes").start_notes
    status: int = importlib.import_module("backend.supervise.supervisor").supervise(settings, notes)
    return status


def worker(settings: Settings, options: argparse.Namespace) -> int:
    """The process that trains; takes runs from the queue."""
    importlib.import_module("backend.jobs.worker").work(settings)
    return 0

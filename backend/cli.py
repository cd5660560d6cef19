"""The commands of `python -m backend`.

Each command imports what it needs when it is run and not before, so that `--help` and the supervisor do not wait for
torch: the late imports of this module are its purpose.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from backend.errors import BackendError, RequestError, TrainingRefused
from backend.logs import configure_logs
from backend.settings import Settings, load_settings

Command = Callable[[Settings, argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 0, or 1 with one line on standard error that says what is wrong."""
    importlib.import_module("backend.supervise.outputs").open_standard_streams()
    options = _parser().parse_args(arguments)
    try:
        settings = load_settings()
        configure_logs("WARNING" if options.quiet else settings.log_level)
        status: int = options.command(settings, options)
    except BackendError as error:
        hint = f" ({error.hint})" if error.hint else ""
        print(f"{error.code}: {error.message}{hint}", file=sys.stderr)
        return 1
    return status


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Redis, worker and web server as children of this process."""
    notes = importlib.import_module("backend.supervise.notes").start_notes
    status: int = importlib.import_module("backend.supervise.supervisor").supervise(settings, notes)
    return status


def worker(settings: Settings, options: argparse.Namespace) -> int:
    """The process that trains; takes runs from the queue."""
    importlib.import_module("backend.jobs.worker").work(settings)
    return 0


def predict(settings: Settings, options: argparse.Namespace) -> int:
    """Label Studio result JSON for an image file."""
    shell = importlib.import_module("backend.shell")
    config = _read(options.label_config).decode("utf-8", errors="replace")
    _print_json(shell.predict_image(settings, _read(options.image), config, options.project, options.version))
    return 0


def train(settings: Settings, options: argparse.Namespace) -> int:
    """One training run here and now, without the queue."""
    folder = importlib.import_module("backend.versions.project").ProjectFolder(settings.data_dir, options.project)
    locks = importlib.import_module("backend.versions.locks")
    try:
        with locks.locked(folder.train_lock, patience_s=0):
            trainer = importlib.import_module("backend.ml_backend").Trainer(settings, options.project)
            _print_json(trainer.run(_print_progress))
    except locks.Busy:
        raise TrainingRefused(
            "already_training", f"project {options.project} is being trained", "wait for it"
        ) from None
    return 0


def versions(settings: Settings, options: argparse.Namespace) -> int:
    """The versions of a project with their figures, newest first."""
    shell = importlib.import_module("backend.shell")
    for line in shell.version_lines(settings, options.project):
        print(line)
    return 0


def promote(settings: Settings, options: argparse.Namespace) -> int:
    """Serve a version from now on."""
    store = _store(settings, options.project)
    store.promote(options.version, "promoted by hand")
    print(f"project {options.project} serves v{options.version}")
    return 0


def rollback(settings: Settings, options: argparse.Namespace) -> int:
    """Serve the version that was served before."""
    number = _store(settings, options.project).rollback("rolled back by hand")
    print(f"project {options.project} serves v{number}")
    return 0


def evaluate(settings: Settings, options: argparse.Namespace) -> int:
    """Region F1 of the live version on the annotated pages it was not trained on."""
    shell = importlib.import_module("backend.shell")
    _print_json(shell.evaluate(settings, options.project))
    return 0


def report(settings: Settings, options: argparse.Namespace) -> int:
    """What to label next, scores, human effort and doubtful annotations of a version."""
    store = _store(settings, options.project)
    reports = importlib.import_module("backend.versions.reports")
    if options.version is None:
        content = reports.latest_report(store.project, store.current())
    else:
        content = reports.required_report(store.project, options.version)
    for line in importlib.import_module("backend.reports.text").report_lines(content):
        print(line)
    return 0


def try_version(settings: Settings, options: argparse.Namespace) -> int:
    """Load a version folder and predict a page with it; used before a version is published."""
    importlib.import_module("backend.shell").try_version(settings, options.folder)
    return 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RequestError("file_missing", f"{path} cannot be read: {error.strerror}") from error


def _store(settings: Settings, project_id: int) -> Any:
    project = importlib.import_module("backend.versions.project").ProjectFolder(settings.data_dir, project_id)
    return importlib.import_module("backend.versions.store").VersionStore(project)


def _print_json(content: object) -> None:
    print(json.dumps(content, ensure_ascii=False, indent=2))


def _print_progress(**fields: Any) -> None:
    print(" ".join(f"{name}={value}" for name, value in fields.items() if value is not None), file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m backend", description="A Label Studio ML backend that pre-annotates document pages."
    )
    parser.add_argument("--quiet", action="store_true", help="log warnings and errors only")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=(command.__doc__ or "").strip(), description=command.__doc__)
        added.set_defaults(command=command)
        return added

    def add_for_project(name: str, command: Command) -> argparse.ArgumentParser:
        added = add(name, command)
        added.add_argument("--project", type=int, required=True, help="number of the Label Studio project")
        return added

    add("run", run)
    add("worker", worker)
    of_file = add("predict", predict)
    of_file.add_argument("image", type=Path, help="page image: JPEG, PNG, TIFF, WebP, GIF or BMP")
    of_file.add_argument("--label-config", type=Path, required=True, help="labeling configuration (XML)")
    of_file.add_argument("--project", type=int, help="use this project's live version")
    of_file.add_argument("--version", type=Path, help="use this version folder")
    add_for_project("train", train)
    add_for_project("versions", versions)
    add_for_project("promote", promote).add_argument("version", type=int, help="number of the version")
    add_for_project("rollback", rollback)
    add_for_project("evaluate", evaluate)
    of_version = add_for_project("report", report)
    of_version.add_argument("--version", type=int, help="number of the version; by default the live one")
    trying = add("try-version", try_version)
    trying.add_argument("folder", type=Path)
    return parser

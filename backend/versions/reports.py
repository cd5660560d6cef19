"""Where the reports of a project lie: `reports/<version>/report.json` with its pictures; whole, or not there."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backend.errors import RequestError, VersionError
from backend.versions.files import read_json
from backend.versions.manifest import version_name
from backend.versions.project import ProjectFolder

REPORT_FILE = "report.json"
PICTURES = ("scores.png", "learning_curve.png", "confusion.png", "effort.png")
"""The pictures of a report; no other name is ever looked for."""


def report_numbers(project: ProjectFolder) -> list[int]:
    """The versions that have a report, oldest first."""
    try:
        names = [entry.name for entry in project.reports.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(int(name) for name in names if re.fullmatch(r"[1-9][0-9]{0,11}", name, re.ASCII))


def required_report(project: ProjectFolder, version: int) -> dict[str, Any]:
    """The report on a version.

    Raises:
        RequestError: 404 `no_report`.
        VersionError: `report_damaged`.
    """
    try:
        content: dict[str, Any] | None = read_json(_folder(project, version) / REPORT_FILE)
    except ValueError:
        name = version_name(version)
        raise VersionError("report_damaged", f"the report on {name} is no JSON", "train once more") from None
    if content is None:
        raise _no_report(version_name(version))
    return content


def latest_report(project: ProjectFolder, live: int | None) -> dict[str, Any]:
    """The report on the live version, or on the newest before it that has one.

    Args:
        live: number of the live version; None for a project without one.

    Raises:
        RequestError, VersionError: as `required_report` does.
    """
    numbers = [number for number in report_numbers(project) if live is None or number <= live]
    if not numbers:
        raise _no_report(f"project {project.project_id}")
    return required_report(project, numbers[-1])


def required_picture(project: ProjectFolder, version: int, name: str) -> bytes:
    """A picture of the report on a version, as PNG.

    Raises:
        RequestError: 404 `no_report`, also for a name that no picture has.
    """
    if name not in PICTURES:
        raise RequestError("no_report", "no such picture", f"there are {', '.join(PICTURES)}", status=404)
    try:
        return (_folder(project, version) / name).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise _no_report(version_name(version)) from None


@contextmanager
def staged_report(project: ProjectFolder, version: int) -> Iterator[Path]:
    """An empty folder that becomes the report of a version at the end of the block, in place of an earlier one.

    Only the holder of the project's `train.lock` writes reports, so what lies aside here was left by a killed run.
    """
    for left in project.reports.glob(".tmp-*"):
        shutil.rmtree(left, ignore_errors=True)
    staged = _aside(project)
    staged.mkdir(parents=True)
    try:
        yield staged
        if _folder(project, version).exists():
            _set_aside(project, version)
        staged.rename(_folder(project, version))
    finally:
        for left in project.reports.glob(".tmp-*"):
            shutil.rmtree(left, ignore_errors=True)


def prune_reports(project: ProjectFolder, kept_versions: set[int]) -> None:
    """Remove the reports of versions that are gone; the newest report stays, whatever became of its version."""
    numbers = report_numbers(project)
    for number in numbers[:-1]:
        if number not in kept_versions:
            shutil.rmtree(_set_aside(project, number), ignore_errors=True)


def _folder(project: ProjectFolder, version: int) -> Path:
    return project.reports / str(version)


def _aside(project: ProjectFolder) -> Path:
    return project.reports / f".tmp-{secrets.token_hex(8)}"


def _set_aside(project: ProjectFolder, version: int) -> Path:
    """Where the report of a version lies from now on: half removed, none must be listed."""
    aside = _aside(project)
    _folder(project, version).rename(aside)
    return aside


def _no_report(about: str) -> RequestError:
    return RequestError("no_report", f"there is no report on {about} yet", "training runs write it", status=404)

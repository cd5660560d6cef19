"""What the page of a project shows, each part read by itself: one that is damaged leaves the others readable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from backend.errors import BackendError, RequestError
from backend.service.ui.report_view import ReportView, report_view, web_address
from backend.service.ui.training_view import TrainingView, Trouble, training_view
from backend.service.ui.versions_view import VersionsView, versions_view
from backend.settings import Settings
from backend.versions.project import ProjectFolder, load_record
from backend.versions.reports import latest_report
from backend.versions.store import VersionStore, version_name

Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True)
class ProjectView:
    """A project. A part that cannot be read is None, and `troubles` says why.

    Attributes:
        title: empty before a webhook told it.
        link: the project in Label Studio; empty where its address is not known.
        report: also None before there is one.
        degraded: why another version than the chosen one is served; empty where it is the chosen one.
    """

    number: int
    title: str
    link: str
    training: TrainingView | None
    versions: VersionsView | None
    report: ReportView | None
    degraded: tuple[str, ...]
    troubles: tuple[Trouble, ...]


def project_view(settings: Settings, number: int, *, queued: Sequence[str], degraded: Sequence[str]) -> ProjectView:
    """What is known of a project.

    Args:
        queued: the entries of the training queue, the next one first.
        degraded: why another version than the chosen one is served.

    Raises:
        RequestError: 404 `no_project`.
    """
    folder = project_folder(settings, number)
    store = VersionStore(folder)
    troubles: list[Trouble] = []

    def part(what: str, read: Callable[[], Shown]) -> Shown | None:
        shown = _or_trouble(what, read)
        if isinstance(shown, Trouble):
            troubles.append(shown)
            return None
        return shown

    return ProjectView(
        number=number,
        title=part("what Label Studio told", lambda: _title(folder)) or "",
        link=part("what Label Studio told", lambda: _link(settings, folder)) or "",
        training=part(
            "the state of the training", lambda: training_view(folder, queued, version_name(store.current()))
        ),
        versions=part("the list of versions", lambda: versions_view(store)),
        report=part("the report", lambda: _report(folder, store)),
        degraded=tuple(degraded),
        troubles=tuple(troubles),
    )


def project_folder(settings: Settings, number: int) -> ProjectFolder:
    """The folder of a project that is known here.

    Raises:
        RequestError: 404 `no_project`.
    """
    folder = ProjectFolder(settings.data_dir, number)
    if not folder.path.is_dir():
        hint = "connect this backend to it in Label Studio: Settings > Model"
        raise RequestError("no_project", f"project {number} is not known here", hint, status=404)
    return folder


def _or_trouble(what: str, read: Callable[[], Shown]) -> Shown | Trouble:
    try:
        return read()
    except BackendError as error:
        return Trouble(error.message, error.hint, error.code)
    except OSError:
        return Trouble(f"{what} cannot be read", "see the disk, and to whom the data folder belongs", "storage")
    except (ArithmeticError, AttributeError, KeyError, IndexError, TypeError, ValueError):
        return Trouble(f"{what} is damaged", "Start training writes it anew", "damaged")


def _report(folder: ProjectFolder, store: VersionStore) -> ReportView | None:
    try:
        return report_view(latest_report(folder, store.current()))
    except RequestError:  # there is none yet
        return None


def _title(folder: ProjectFolder) -> str:
    record = load_record(folder)
    return record.title if record is not None else ""


def _link(settings: Settings, folder: ProjectFolder) -> str:
    """The project in Label Studio as people reach it, which may differ from how this backend does."""
    record = load_record(folder)
    base = (record.hostname if record is not None else "") or settings.label_studio_url
    return web_address(f"{base.rstrip('/')}/projects/{folder.project_id}/") if base else ""

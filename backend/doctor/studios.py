"""The Label Studios that projects come from, mostly one: each is looked at once, then each project in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backend.doctor.asking import Studio
from backend.doctor.case import Case
from backend.doctor.causes import finding, skipped
from backend.doctor.finding import Finding, Level
from backend.doctor.project import PROJECT, examine_project
from backend.doctor.studio import REACHED, TOKEN, examine_address, examine_token
from backend.pipelines.connection import checks_certificate, connect, token_for
from backend.settings import Settings
from backend.versions.project import ProjectFolder, ProjectRecord, known_projects, load_record


def examine_projects(
    settings: Settings, project_ids: Sequence[int], *, fix: bool, backend_url: str
) -> Iterator[Finding]:
    """Findings on Label Studio and on each project.

    Args:
        project_ids: by number; empty: all that have called this backend.
    """
    if settings.label_studio_api_key and not settings.label_studio_url:
        yield finding(Level.WARNING, "key_unused", TOKEN, "looked at the settings", "LABEL_STUDIO_API_KEY alone")
    known = project_ids or known_projects(settings.data_dir)
    studios = _Studios(settings)
    if not known:
        if settings.label_studio_url:
            yield from studios.examine(None)
        tried = "looked for projects that called this backend"
        yield finding(Level.WARNING, "project_unknown", PROJECT, tried, "there is none yet")
    for number in known:
        record = load_record(ProjectFolder(settings.data_dir, number))
        yield from studios.examine(record)
        studio = studios.usable(record)
        if studio is None:
            yield skipped(PROJECT, "Label Studio cannot be asked about it", project_id=number)
            continue
        connection = connect(settings, record, patience_s=0)
        case = Case(settings, studio, connection, number, bool(project_ids), fix, backend_url)
        yield from examine_project(case)


class _Studios:
    """Remembers what came of each address and token."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen: dict[tuple[str, str], Studio | None] = {}

    def usable(self, record: ProjectRecord | None) -> Studio | None:
        """The Label Studio of a project; None where it was not reached, or did not take the token."""
        return self._seen.get(self._key(record))

    def examine(self, record: ProjectRecord | None) -> Iterator[Finding]:
        """Findings on the Label Studio of a project, unless another project had them already."""
        key = address, token = self._key(record)
        if key in self._seen:
            return
        self._seen[key] = None
        if not address:
            tried = "looked for the address of Label Studio"
            yield finding(Level.FAILED, "label_studio_unknown", REACHED, tried, "there is none")
            return
        studio = Studio(address, token, check_certificate=checks_certificate(self._settings))
        reached = examine_address(studio)
        yield reached
        if reached.level is not Level.OK:
            yield skipped(TOKEN, "Label Studio cannot be asked")
            return
        configured = self._settings.label_studio_api_key and self._settings.label_studio_url
        accepted = examine_token(studio, "of LABEL_STUDIO_API_KEY" if configured else "that came with /setup")
        yield accepted
        if accepted.level is Level.OK:
            self._seen[key] = studio

    def _key(self, record: ProjectRecord | None) -> tuple[str, str]:
        """Address and token that the product uses for a project."""
        announced = record.hostname if record else ""
        return self._settings.label_studio_url or announced, token_for(self._settings, record)

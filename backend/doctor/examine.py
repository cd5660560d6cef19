"""The whole examination, in the order in which one thing needs the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backend.doctor.disk import examine_disk
from backend.doctor.finding import Finding
from backend.doctor.ocr import examine_ocr
from backend.doctor.queue import examine_queue
from backend.doctor.studios import examine_projects
from backend.doctor.weights import examine_weights
from backend.settings import Settings


def examine(
    settings: Settings, *, project_ids: Sequence[int] | None = None, fix: bool = False, backend_url: str = ""
) -> Iterator[Finding]:
    """Findings on this machine, on Label Studio and on each project, as they are made.

    Args:
        project_ids: the projects to look at; by default all that have called this backend.
        fix: make or repair the webhook of each project where that is needed.
        backend_url: this backend as Label Studio is to reach it; by default the address that Label Studio has.
    """
    yield from examine_queue(settings)
    yield from examine_ocr(settings.ocr_engine, settings.ocr_languages)
    yield examine_weights(settings)
    yield examine_disk(settings.data_dir)
    yield from examine_projects(settings, project_ids or (), fix=fix, backend_url=backend_url)

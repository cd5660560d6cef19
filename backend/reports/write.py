"""A report to the disk, whole or not at all."""

from __future__ import annotations

import json

from backend.reports.pictures import draw_pictures
from backend.reports.report import Report
from backend.versions.project import ProjectFolder
from backend.versions.reports import REPORT_FILE, staged_report


def write_report(project: ProjectFolder, report: Report) -> None:
    """Write a report with its pictures, in place of an earlier one on the same version.

    The caller holds the project's `train.lock`.

    Raises:
        OSError: it cannot be written; an earlier report stays.
    """
    with staged_report(project, report.version) as folder:
        text = json.dumps(report.to_json(), ensure_ascii=False, indent=1)
        (folder / REPORT_FILE).write_text(text, encoding="utf-8")
        draw_pictures(report, folder)

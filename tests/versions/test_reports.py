from __future__ import annotations

from pathlib import Path

import pytest

from backend.errors import RequestError, VersionError
from backend.versions.files import write_json
from backend.versions.project import ProjectFolder
from backend.versions.reports import (
    latest_report,
    prune_reports,
    report_numbers,
    required_picture,
    required_report,
    staged_report,
)
from backend.versions.store import VersionStore


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    return ProjectFolder(tmp_path, 3)


def write(project: ProjectFolder, *versions: int) -> None:
    for version in versions:
        with staged_report(project, version) as folder:
            write_json(folder / "report.json", {"version": version})
            (folder / "scores.png").write_bytes(b"picture")


def test_a_project_without_reports_says_so(project: ProjectFolder) -> None:
    assert report_numbers(project) == []
    for ask in (lambda: latest_report(project, None), lambda: required_report(project, 1)):
        with pytest.raises(RequestError, match="there is no report on") as refused:
            ask()
        assert refused.value.http_status == 404


def test_the_live_version_is_told_of_or_the_newest_before_it(project: ProjectFolder) -> None:
    write(project, 2, 5, 10)
    assert [latest_report(project, live)["version"] for live in (2, 4, 5, 9, 10, 12, None)] == [2, 2, 5, 5, 10, 10, 10]
    with pytest.raises(RequestError):
        latest_report(project, 1)


@pytest.mark.parametrize("name", ["../report.json", "report.json", "scores.png/..", ".", "", "scores"])
def test_only_pictures_are_handed_out(project: ProjectFolder, name: str) -> None:
    write(project, 2)
    assert required_picture(project, 2, "scores.png") == b"picture"
    for version, asked in ((2, name), (3, "scores.png"), (2, "effort.png")):
        with pytest.raises(RequestError) as refused:
            required_picture(project, version, asked)
        assert refused.value.http_status == 404


def test_a_report_that_fails_halfway_leaves_the_one_before(project: ProjectFolder) -> None:
    write(project, 2)
    with pytest.raises(OSError, match="full"), staged_report(project, 2) as folder:  # noqa: PT012
        (folder / "report.json").write_text("half")
        raise OSError("full")
    assert required_report(project, 2) == {"version": 2}
    assert [path.name for path in project.reports.iterdir()] == ["2"]


def test_what_a_killed_run_left_is_removed_by_the_next(project: ProjectFolder) -> None:
    (project.reports / ".tmp-dead").mkdir(parents=True)
    assert report_numbers(project) == []
    write(project, 1)
    assert [path.name for path in project.reports.iterdir()] == ["1"]


def test_a_damaged_report_has_a_name(project: ProjectFolder) -> None:
    write(project, 1)
    (project.reports / "1" / "report.json").write_text("{")
    with pytest.raises(VersionError, match="report on v1"):
        required_report(project, 1)


def test_reports_go_with_their_versions_and_the_newest_stays(project: ProjectFolder) -> None:
    store = VersionStore(project)
    for _ in range(5):
        with store.stage() as staged:
            (staged / "weights").write_bytes(b"w")
            store.publish(staged, {})
    write(project, 1, 2, 3, 5)
    store.promote(2, "test")
    store.prune(keep=1)
    assert store.numbers() == [2, 5]
    assert report_numbers(project) == [2, 5]
    prune_reports(project, set())
    assert report_numbers(project) == [5]

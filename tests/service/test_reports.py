from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.service.services import Services
from backend.versions.files import write_atomic, write_json
from backend.versions.project import ProjectFolder
from backend.versions.reports import PICTURES, staged_report
from tests.service.conftest import AppFactory

PICTURE = b"\x89PNG picture"


def write(data_dir: Path, *versions: int, live: int) -> None:
    project = ProjectFolder(data_dir, 3)
    for version in versions:
        with staged_report(project, version) as folder:
            write_json(folder / "report.json", {"version": f"v{version}"})
            (folder / "effort.png").write_bytes(PICTURE)
    write_atomic(project.current, str(live).encode())


@pytest.fixture
def written(services: Services) -> None:
    write(services.settings.data_dir, 1, 2, live=1)


@pytest.mark.usefixtures("written")
def test_the_report_of_the_live_version_is_served(client: FlaskClient) -> None:
    assert client.get("/projects/3/report").get_json() == {"version": "v1"}


@pytest.mark.usefixtures("written")
def test_each_report_is_served_by_its_version(client: FlaskClient) -> None:
    for name in ("v2", "2"):
        assert client.get(f"/projects/3/report/{name}").get_json() == {"version": "v2"}


@pytest.mark.usefixtures("written")
def test_pictures_are_served_as_png(client: FlaskClient) -> None:
    answer = client.get("/projects/3/report/v2/effort.png")
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/png", PICTURE)


def test_before_there_is_a_report_it_says_so(client: FlaskClient) -> None:
    answer = client.get("/projects/3/report")
    assert answer.status_code == 404
    assert answer.get_json()["error"]["message"] == "there is no report on project 3 yet"
    assert "no report" in answer.status


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    "path",
    [
        "v9",
        "v1/scores.png",
        "v1/report.json",
        "v1/..%2f..%2fproject.json",
        "v1/../../project.json",
        "v1/%2e%2e/2/effort.png",
        "..%2f..%2fproject.json",
        "v0",
        "latest",
        "v1%00",
    ],
)
def test_nothing_else_is_handed_out(client: FlaskClient, path: str) -> None:
    answer = client.get(f"/projects/3/report/{path}")
    assert answer.status_code in (400, 404)
    assert "error" in answer.get_json()


@pytest.mark.parametrize("number", ["-1", "x", "1000000000000", "3%2f..%2f3"])
def test_a_project_is_a_number(client: FlaskClient, number: str) -> None:
    assert client.get(f"/projects/{number}/report").status_code in (400, 404)


def test_reports_ask_for_the_credentials_of_the_other_routes(make_app: AppFactory) -> None:
    app: Flask = make_app(BASIC_AUTH_USER="studio", BASIC_AUTH_PASS="secret")
    client = app.test_client()
    for path in ("report", "report/v1", *(f"report/v1/{name}" for name in PICTURES)):
        assert client.get(f"/projects/3/{path}").status_code == 401
        assert client.get(f"/projects/3/{path}", auth=("studio", "secret")).status_code == 404

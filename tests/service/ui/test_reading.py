"""What the pages show, in every state that a project can be in."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.jobs.changes import note_change, note_job
from backend.jobs.run_state import Phase, RunState, write_run
from backend.service.services import Services
from backend.service.ui.project_view import project_view
from backend.versions import manifest
from backend.versions.files import write_json
from backend.versions.project import ProjectFolder
from tests.service.conftest import AppFactory
from tests.service.ui.written import ADVICE, NOT_ENOUGH, PROMOTION, REFUSAL, STUDIO, report, write_project

PATHS = ("/ui", "/ui/part", "/ui/projects/3", "/ui/projects/3/training", "/ui/doctor", "/ui/doctor/part")


@pytest.fixture
def folder(services: Services) -> ProjectFolder:
    return write_project(services.settings.data_dir)


def text(client: FlaskClient, path: str) -> str:
    """A page's words in one line, as a person reads them."""
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.get_data(as_text=True)))


def test_before_there_is_a_project_it_says_how_to_connect_one(client: FlaskClient) -> None:
    shown = text(client, "/ui")
    assert "No project yet." in shown
    assert "http://localhost as Backend URL" in shown.replace("  ", " ")


def test_what_is_down_is_told_with_the_remedy(make_app: AppFactory) -> None:
    app = make_app(REDIS_URL="redis://127.0.0.1:1/0")
    app.extensions["backend"].health.refresh()
    shown = text(app.test_client(), "/ui")
    assert "Redis does not answer; predictions work, training waits" in shown
    assert "Start Redis, or correct REDIS_URL." in shown
    assert "python -m backend worker" in shown


def test_a_project_is_called_by_its_title(client: FlaskClient, folder: ProjectFolder) -> None:
    answer = client.get(f"/ui/projects/{folder.project_id}").get_data(as_text=True)
    assert "<h1>Project 3: Purchase orders &lt;2026&gt;</h1>" in answer


@pytest.mark.usefixtures("folder")
def test_projects_are_listed_with_their_version_and_progress(client: FlaskClient, services: Services) -> None:
    services.health.refresh()
    answer = client.get("/ui").get_data(as_text=True)
    assert re.search(
        r'href="/ui/projects/3">Project 3</a> <span class="quiet">Purchase orders &lt;2026&gt;</span>', answer
    )
    assert '<progress value="216" max="400" aria-label="Progress of the training of project 3">' in answer
    assert '<span class="badge live">v4</span>' in answer


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (NOT_ENOUGH, "waiting for more pages 3 annotated pages, 5 are needed: annotate 2 more"),
        (RunState("a", Phase.FAILED, code="disk_full", message="the disk is full"), "needs a look the disk is full"),
        (RunState("a", Phase.WAITING), "waiting for its turn"),
        (RunState("a", Phase.SUCCEEDED), "no version yet"),
    ],
)
def test_the_state_of_each_project_is_told_in_words(
    client: FlaskClient, services: Services, state: RunState, told: str
) -> None:
    folder = ProjectFolder(services.settings.data_dir, 3)
    folder.path.mkdir(parents=True)
    write_run(folder, state)
    services.health.refresh()
    assert told in text(client, "/ui/part")


@pytest.mark.usefixtures("folder")
def test_a_project_is_shown_with_everything_that_is_known(client: FlaskClient) -> None:
    shown = text(client, "/ui/projects/3")
    for told in (
        "v4 is live",
        "training : learning, begun 2 minutes ago",
        "step 216 of 400, 54 %",
        "2 changes are not learnt yet.",
        f"v4 from 29 annotated pages, promoted: {PROMOTION}",
        "starter (Apache-2.0)",
        "fast learner + LayoutLMv3",
        "0.63 on 9 pages that were not learnt",
        "header 0.41 0.41 0.41 12 of 30 18 12",
        "total on none of these pages 0",
        "Roll back to v2",
        "v3 refused Promote 0.44 21 pages fast learner + LayoutLMv3",
        REFUSAL,
    ):
        assert told in shown, told
    page = client.get("/ui/projects/3").get_data(as_text=True)
    assert ADVICE.replace('"', "&#34;") in page
    assert f'<a href="{STUDIO}/projects/3/" rel="noreferrer">Open in Label Studio</a>' in page
    assert f'<a href="{STUDIO}/projects/3/data?task=101" rel="noreferrer">Task 101</a>' in page
    assert 'aria-label="loss 1.99 at step 20, 0.389 at step 200"' in page
    assert 'aria-label="F1 0.20 after 3 pages, 0.50 after 21 pages; forecast 0.58 after 52"' in page
    assert "65 %" in shown, "183 of 283 boxes were not edited"


@pytest.mark.usefixtures("folder")
def test_nothing_of_the_weights_is_read_for_a_page(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> str:
        raise AssertionError("a page waits for a hash")

    monkeypatch.setattr(manifest, "sha256_of", refuse)
    assert "v4 is live" in text(client, "/ui/projects/3")


def test_how_well_text_is_read_is_told_where_texts_come_with_the_boxes(
    client: FlaskClient, folder: ProjectFolder
) -> None:
    assert "Text read by OCR" not in text(client, "/ui/projects/3")
    counts = {"texts": 40, "corrected": 3, "cer": 0.012, "wer": 0.05}
    write_json(folder.reports / "4" / "report.json", report() | {"ocr": {"labels": {}, "all": counts}})
    told = "people corrected 3 of 40 texts; 1.2 % of the characters and 5.0 % of the words were wrong"
    assert told in text(client, "/ui/projects/3")


def test_before_the_first_version_it_says_what_is_missing(client: FlaskClient, services: Services) -> None:
    folder = ProjectFolder(services.settings.data_dir, 3)
    note_change(folder)
    assert "made a few seconds after 5 pages are annotated" in text(client, "/ui/projects/3")
    write_run(folder, NOT_ENOUGH)
    assert "No version yet. 3 annotated pages, 5 are needed: annotate 2 more." in text(client, "/ui/projects/3")


def test_the_place_in_the_queue_is_told(services: Services, client: FlaskClient) -> None:
    folder = ProjectFolder(services.settings.data_dir, 3)
    note_change(folder)
    note_job(folder, "train-3-b")
    for place, queued in enumerate((["train-3-b"], ["train-1-a", "train-3-b"]), 1):
        shown = project_view(services.settings, 3, queued=queued, degraded=())
        assert shown.training is not None
        assert (shown.training.phase, shown.training.place) == (Phase.WAITING, place)
    assert "waiting" in text(client, "/ui/projects/3")


def test_a_failure_is_told_with_its_remedy(services: Services, client: FlaskClient) -> None:
    folder = ProjectFolder(services.settings.data_dir, 3)
    folder.path.mkdir(parents=True)
    failure = {"code": "label_studio_auth", "message": "Label Studio refuses the token", "hint": "set another"}
    write_run(folder, RunState("a", Phase.FAILED, ended=time.time() - 7200, **failure))
    shown = text(client, "/ui/projects/3")
    assert "The last run: Label Studio refuses the token What to do: set another label_studio_auth" in shown


def test_the_losses_of_the_fit_before_are_not_shown_as_those_of_this_one(
    services: Services, folder: ProjectFolder
) -> None:
    old = [[20, 2.0], [400, 0.3]]
    write_run(folder, RunState("a", Phase.RUNNING, stage="fit", step=3, steps=400, losses=old))
    assert (shown := project_view(services.settings, 3, queued=(), degraded=()).training) is not None
    assert (shown.fitting, shown.losses) == (True, None)
    write_run(folder, RunState("a", Phase.SUCCEEDED, losses=old))
    assert (shown := project_view(services.settings, 3, queued=(), degraded=()).training) is not None
    assert shown.losses is not None


def test_a_project_that_is_not_known_is_404_as_a_page(client: FlaskClient) -> None:
    answer = client.get("/ui/projects/9")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "project 9 is not known here" in answer.get_data(as_text=True)


# What is damaged


def spoil_manifest(folder: ProjectFolder) -> None:
    (folder.versions / "2" / "manifest.json").write_text("{")


def spoil_estimate(folder: ProjectFolder) -> None:
    path = folder.versions / "2" / "manifest.json"
    write_json(path, json.loads(path.read_text()) | {"estimate": {"f1": "high", "tasks": [1]}})


def spoil_report(folder: ProjectFolder) -> None:
    (folder.reports / "4" / "report.json").write_text("[]")


def spoil_run(folder: ProjectFolder) -> None:
    write_json(folder.run, {"job": 3, "state": "running", "stage": "fit", "step": "x", "steps": 4, "losses": {}})


def spoil_changes(folder: ProjectFolder) -> None:
    folder.changes.write_text("\x00")


def spoil_history(folder: ProjectFolder) -> None:
    folder.history.write_text('{"version": 3, "reason": ["a"]}\nnull\n{')


def spoil_record(folder: ProjectFolder) -> None:
    folder.record.write_text(
        '{"hostname": "javascript:alert(1)", "access_token": "", "label_config": "", "updated": 0}'
    )


def spoil_current(folder: ProjectFolder) -> None:
    folder.current.unlink()
    folder.current.mkdir()


def spoil_versions(folder: ProjectFolder) -> None:
    folder.versions.rename(folder.path / "aside")
    folder.versions.write_text("no folder")


@pytest.mark.parametrize(
    "spoil",
    [
        *(spoil_manifest, spoil_estimate, spoil_report, spoil_run, spoil_changes, spoil_history, spoil_record),
        *(spoil_current, spoil_versions),
    ],
)
def test_whatever_is_damaged_the_page_is_there(
    client: FlaskClient, services: Services, folder: ProjectFolder, spoil: Callable[[ProjectFolder], None]
) -> None:
    spoil(folder)
    with suppress(OSError):  # told in the log by the board's own thread; what it saw last is shown
        services.health.refresh()
    for path in ("/ui", "/ui/projects/3", "/ui/projects/3/training"):
        shown = client.get(path)
        assert shown.status_code == 200
        assert "javascript:" not in shown.get_data(as_text=True)


def test_a_damaged_version_is_told_and_has_no_button(client: FlaskClient, folder: ProjectFolder) -> None:
    spoil_manifest(folder)
    shown = text(client, "/ui/projects/3")
    assert "v2 is damaged: its manifest is no JSON" in shown
    page = client.get("/ui/projects/3").get_data(as_text=True)
    assert 'aria-label="Promote v2"' not in page
    assert 'aria-label="Promote v3"' in page


@pytest.mark.parametrize(
    "change",
    [
        {"scores": None},
        {"scores": {"pages": 1, "micro": {"f1": float("nan")}, "labels": {}}},
        {"annotated_pages": "many"},
        {"advice": 3},
        {"learning_curve": {"points": [{"pages": 1e400, "f1": 0.5}]}},
        {"effort": {"groups": [{}]}},
        {"suspects": [{"task": None}]},
    ],
)
def test_an_odd_report_is_told_and_the_rest_is_shown(
    client: FlaskClient, folder: ProjectFolder, change: dict[str, Any]
) -> None:
    write_json(folder.reports / "4" / "report.json", report() | change)
    shown = text(client, "/ui/projects/3")
    assert "the report is damaged" in shown
    assert "v4 is live" in shown


# What is dangerous


def test_names_of_labels_are_text_and_never_html(client: FlaskClient, services: Services) -> None:
    write_project(services.settings.data_dir, label='"><img src=x onerror=alert(1)>')
    page = client.get("/ui/projects/3").get_data(as_text=True)
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "//elsewhere", "ftp://x/y", "http://", "[x"]
)
def test_only_addresses_of_the_web_become_links(client: FlaskClient, folder: ProjectFolder, link: str) -> None:
    suspects = [report()["suspects"][0] | {"link": link}]
    write_json(folder.reports / "4" / "report.json", report() | {"suspects": suspects})
    assert f'href="{link}"' not in client.get("/ui/projects/3").get_data(as_text=True)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("path", [*PATHS, "/ui/static/style.css", "/ui/projects/9"])
def test_every_answer_forbids_scripts_and_frames_of_others(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert (headers["Cache-Control"] == "no-store") is ("static" not in path)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("path", PATHS)
def test_no_page_has_script_or_style_of_its_own_or_of_another_host(client: FlaskClient, path: str) -> None:
    page = client.get(path).get_data(as_text=True)
    assert not re.search(r"<style|\sstyle=|<script(?! src=\"/ui/static/)|\son\w+=", page)
    assert not re.search(r'(src|action)="(?!/ui)', page)


@pytest.mark.parametrize("path", [*PATHS, "/ui/static/style.css", "/"])
def test_the_credentials_of_the_other_routes_are_asked_for(make_app: AppFactory, path: str) -> None:
    client = make_app(BASIC_AUTH_USER="u", BASIC_AUTH_PASS="p").test_client()
    assert client.get(path, headers={"Accept": "text/html"}).status_code == 401
    assert client.get(path, auth=("u", "p")).status_code in (200, 404)


# The bare address


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def test_a_browser_at_the_bare_address_is_sent_to_the_page(client: FlaskClient) -> None:
    answer = client.get("/", headers={"Accept": BROWSER})
    assert (answer.status_code, answer.headers["Location"], answer.headers["Vary"]) == (302, "/ui", "Accept")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "", "text/*"])
def test_everybody_else_gets_the_health_there(client: FlaskClient, accept: str) -> None:
    assert client.get("/", headers={"Accept": accept}).get_json()["status"] == "UP"
    assert client.get("/health", headers={"Accept": BROWSER}).get_json()["status"] == "UP"

"""What the buttons do, and who can press them."""

from __future__ import annotations

import re
import shutil

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from backend.jobs.changes import read_changes
from backend.service.services import Services
from backend.service.ui import forms
from backend.service.ui.forms import FormTokens
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.service.conftest import AppFactory
from tests.service.ui.written import write_project

SAME = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}


@pytest.fixture
def folder(services: Services) -> ProjectFolder:
    return write_project(services.settings.data_dir)


@pytest.fixture
def store(folder: ProjectFolder) -> VersionStore:
    return VersionStore(folder)


def token(client: FlaskClient) -> str:
    found = re.search(r'name="token" value="([^"]+)"', client.get("/ui/projects/3").get_data(as_text=True))
    assert found is not None
    return found[1]


def press(client: FlaskClient, button: str, headers: dict[str, str] = SAME, **fields: str) -> TestResponse:
    return client.post(f"/ui/projects/3/{button}", data={"token": token(client)} | fields, headers=headers)


def test_a_version_is_promoted(client: FlaskClient, store: VersionStore) -> None:
    answer = press(client, "promote", version="3")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/ui/projects/3?done=promoted")
    assert store.current() == 3
    assert store.history()[-1]["reason"] == "promoted by hand"
    page = client.get(answer.headers["Location"]).get_data(as_text=True)
    assert "From now on the chosen version is served." in page
    assert "v3 is live" in page


def test_it_is_rolled_back_once_however_often_the_button_is_pressed(client: FlaskClient, store: VersionStore) -> None:
    assert press(client, "rollback", live="4").status_code == 303
    assert store.current() == 2
    again = press(client, "rollback", live="4")
    assert again.status_code == 409
    assert "nothing was done" in again.get_data(as_text=True)
    assert store.current() == 2


def test_no_roll_back_to_a_version_that_was_removed_is_offered(client: FlaskClient, store: VersionStore) -> None:
    shutil.rmtree(store.folder(2))
    assert "Roll back to v1" in client.get("/ui/projects/3").get_data(as_text=True)


def test_a_training_is_asked_for(client: FlaskClient, folder: ProjectFolder) -> None:
    assert press(client, "train").status_code == 303
    assert read_changes(folder).forced


def test_a_damaged_version_is_refused_with_the_cause(client: FlaskClient, store: VersionStore) -> None:
    (store.folder(3) / "model.safetensors").write_bytes(b"changed")
    answer = press(client, "promote", version="3")
    assert answer.status_code == 503
    assert "v3 is damaged: model.safetensors differs from what was saved" in answer.get_data(as_text=True)
    assert store.current() == 4


@pytest.mark.parametrize("version", ["", "0", "x", "../1", "9" * 13])
def test_a_version_is_a_number(client: FlaskClient, store: VersionStore, version: str) -> None:
    assert press(client, "promote", version=version).status_code == 400
    assert store.current() == 4


def test_a_version_that_is_gone_is_told(client: FlaskClient, store: VersionStore) -> None:
    assert "there is no whole v8" in press(client, "promote", version="8").get_data(as_text=True)
    assert store.current() == 4


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("button", ["train", "promote", "rollback"])
def test_a_project_that_is_not_known_gets_no_folder(client: FlaskClient, services: Services, button: str) -> None:
    fields = {"token": token(client), "version": "1", "live": "1"}
    assert client.post(f"/ui/projects/8/{button}", data=fields, headers=SAME).status_code == 404
    assert not ProjectFolder(services.settings.data_dir, 8).path.exists()


# Pages of others


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost:81"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost"}, 303),
        ({"Origin": "https://localhost"}, 303),  # behind a proxy that ends TLS
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://behind.a.proxy"}, 303),
        ({}, 303),  # no browser; the token decides
    ],
)
def test_forms_of_other_origins_are_refused(
    client: FlaskClient, store: VersionStore, headers: dict[str, str], status: int
) -> None:
    assert press(client, "promote", headers, version="3").status_code == status
    assert store.current() == (3 if status == 303 else 4)


@pytest.mark.parametrize("button", ["train", "promote", "rollback"])
@pytest.mark.parametrize("false", [None, "", "x", "ImZvcm0i.aSDQ.3PZ"])
def test_forms_without_our_token_are_refused(
    client: FlaskClient, store: VersionStore, folder: ProjectFolder, button: str, false: str | None
) -> None:
    fields = {"version": "3", "live": "4"} | ({} if false is None else {"token": false})
    answer = client.post(f"/ui/projects/3/{button}", data=fields, headers=SAME)
    assert answer.status_code == 403
    assert "load the page again" in answer.get_data(as_text=True)
    assert store.current() == 4
    assert not read_changes(folder).forced


def test_a_token_grows_old(client: FlaskClient, store: VersionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "VALID_S", -1)
    assert press(client, "promote", version="3").status_code == 403
    assert store.current() == 4


def test_the_token_of_another_data_folder_is_none_of_ours(services: Services, client: FlaskClient) -> None:
    write_project(services.settings.data_dir)
    foreign = FormTokens(services.settings.data_dir.parent / "other" / "forms.key").new()
    answer = client.post("/ui/projects/3/promote", data={"token": foreign, "version": "3"}, headers=SAME)
    assert answer.status_code == 403


def test_web_processes_over_one_folder_know_each_others_tokens(services: Services) -> None:
    key = services.settings.data_dir / "run" / "forms.key"
    FormTokens(key).check(FormTokens(key).new())
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_bytes()) == 32


def test_a_form_needs_the_credentials_too(make_app: AppFactory) -> None:
    client = make_app(BASIC_AUTH_USER="u", BASIC_AUTH_PASS="p").test_client()
    for button in ("projects/3/train", "projects/3/promote", "projects/3/rollback", "doctor"):
        assert client.post(f"/ui/{button}", headers=SAME).status_code == 401


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("body", [b"a=1&" * 11, b"\xff=1", b"x=" + b"y" * 20_000])
def test_odd_forms_are_refused(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/ui/projects/3/train", data=body, headers=SAME)
    assert answer.status_code in (400, 413)
    assert answer.mimetype == "text/html"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("button", ["train", "promote", "rollback"])
def test_reading_changes_nothing(client: FlaskClient, button: str) -> None:
    assert client.get(f"/ui/projects/3/{button}?token={token(client)}&version=3&live=4").status_code == 405

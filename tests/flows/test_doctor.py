"""The doctor before a real Label Studio: each thing that goes wrong between the two is named, with what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from backend.doctor.causes import CAUSES
from backend.doctor.finding import Finding, Level
from backend.doctor.studios import examine_projects
from backend.jobs.changes import read_changes
from backend.settings import SETTINGS, Settings
from backend.versions.project import ProjectFolder
from tests.drawn import draw_form
from tests.flows.conftest import drawn_results, files, label_config
from tests.flows.served import served
from tests.pages.loopback import Listener, reply
from tests.running import ROOT
from tests.studio import TOKEN, Studio, label_studio
from tests.waiting import wait_until

pytestmark = pytest.mark.label_studio

FORM = draw_form(41)
IMAGE = '<View><Image name="image" value="$image"/>{}</View>'
PASSWORD = {"BASIC_AUTH_USER": "label", "BASIC_AUTH_PASS": "studio"}
CONNECTED_WITH_PASSWORD = {"auth_method": "BASIC_AUTH", "basic_auth_user": "label", "basic_auth_pass": "studio"}

MakeSettings = Callable[..., Settings]


@dataclass(frozen=True)
class Scene:
    """A project of the real Label Studio, and settings that reach it.

    Attributes:
        number: of the project.
        task: the one with the form.
    """

    studio: Studio
    make_settings: MakeSettings
    number: int
    task: int

    def settings(self, **environ: str) -> Settings:
        known = {"LABEL_STUDIO_URL": self.studio.url, "LABEL_STUDIO_API_KEY": TOKEN}
        return self.make_settings(**{**known, "DEVICE": "cpu", **environ})

    @contextmanager
    def connected(self, host: str = "127.0.0.1", **environ: str) -> Iterator[int]:
        """A backend that is connected to the project; its port."""
        with served(self.settings(**environ)) as port:
            fields = CONNECTED_WITH_PASSWORD if "BASIC_AUTH_USER" in environ else {}
            self.studio.connect(self.number, f"http://{host}:{port}", **fields)
            yield port

    def examined(self, *, fix: bool = False, backend_url: str = "", **environ: str) -> list[Finding]:
        """What the doctor finds on Label Studio and the project, in order."""
        return list(examine_projects(self.settings(**environ), [self.number], fix=fix, backend_url=backend_url))

    @property
    def webhooks(self) -> list[dict[str, Any]]:
        return self.studio.webhooks(self.number)


def faults(findings: list[Finding]) -> dict[str, Finding]:
    """Those that say something is wrong, by their codes; each must name a remedy."""
    wrong = [finding for finding in findings if finding.level in (Level.FAILED, Level.WARNING)]
    assert all(finding.code in CAUSES and finding.remedy and finding.found for finding in wrong)
    return {finding.code: finding for finding in wrong}


@pytest.fixture
def scene(studio: Studio, make_settings: MakeSettings) -> Scene:
    number = studio.create_project("examined", label_config("forms"))
    [task] = studio.upload(number, files([FORM], "form"))
    return Scene(studio, make_settings, number, task)


def test_a_project_that_works_has_no_fault(scene: Scene) -> None:
    with scene.connected():
        findings = scene.examined()
    assert faults(findings) == {}
    assert [(finding.check, finding.level) for finding in findings] == [
        (check, Level.OK)
        for check in ("Label Studio", "Token", "Project", "Labeling config", "Image", "Way back", "Webhook")
    ]


def test_nothing_of_an_examination_stays_in_label_studio(scene: Scene) -> None:
    with scene.connected():
        before = scene.webhooks, scene.studio.tasks(scene.number)
        scene.examined()
        scene.examined(backend_url="http://127.0.0.1:9")
        assert (scene.webhooks, scene.studio.tasks(scene.number)) == before


def test_a_wrong_backend_url_is_named(scene: Scene) -> None:
    with scene.connected() as port:
        pass
    found = faults(scene.examined())
    assert list(found) == ["backend_url_wrong"]
    assert f"127.0.0.1:{port}" in found["backend_url_wrong"].tried
    assert "Settings > Model" in found["backend_url_wrong"].remedy


def test_an_address_of_something_else_is_named(scene: Scene) -> None:
    with Listener(
        lambda asked: reply(b'{"status": "UP", "model_version": "x"}', Content_Type="application/json")
    ) as it:
        scene.studio.connect(scene.number, it.url)
        assert list(faults(scene.examined())) == ["other_backend"]


def test_a_host_without_a_dot_is_named(scene: Scene) -> None:
    with scene.connected(host="2130706433"):  # 127.0.0.1 as one number: a name without a dot that every machine knows
        assert scene.webhooks == []
        found = faults(scene.examined(fix=True))
    assert list(found) == ["webhook_url_invalid"]
    assert "has no dot" in CAUSES["webhook_url_invalid"].meaning
    assert "Enter a valid URL" in found["webhook_url_invalid"].found


def test_a_project_without_a_backend_is_named(scene: Scene) -> None:
    assert list(faults(scene.examined())) == ["not_connected"]
    assert list(faults(scene.examined(backend_url="http://127.0.0.1:9"))) == ["not_connected"]


def test_a_missing_webhook_is_named_and_made(scene: Scene) -> None:
    with scene.connected() as port:
        scene.studio.api("DELETE", f"/api/webhooks/{scene.webhooks[0]['id']}/")
        found = faults(scene.examined())
        assert list(found) == ["webhook_missing"]
        assert f"--project {scene.number} --fix" in found["webhook_missing"].remedy
        fixed = scene.examined(fix=True)
        assert faults(fixed) == {}
        [webhook] = scene.webhooks
        assert webhook["url"] == f"http://127.0.0.1:{port}/webhook"
        assert (webhook["is_active"], webhook["send_payload"], webhook["send_for_all_actions"]) == (True, True, True)
        assert f"made webhook {webhook['id']}" in fixed[-2].found
        assert not read_changes(folder(scene)).pending
        scene.studio.annotate(scene.task, drawn_results(FORM))
        wait_until(lambda: read_changes(folder(scene)).pending, 30, "the event of the annotation")


def folder(scene: Scene) -> ProjectFolder:
    return ProjectFolder(scene.settings().data_dir, scene.number)


def test_a_webhook_that_does_not_send_is_named_and_repaired(scene: Scene) -> None:
    changes: list[dict[str, Any]] = [
        {"is_active": False},
        {"send_payload": False},
        {"send_for_all_actions": False, "actions": ["TASKS_CREATED"]},
    ]
    with scene.connected():
        [webhook] = scene.webhooks
        for change in changes:
            scene.studio.api("PATCH", f"/api/webhooks/{webhook['id']}/", change)
            assert list(faults(scene.examined())) == ["webhook_off"]
            assert faults(scene.examined(fix=True)) == {}
            assert [found["id"] for found in scene.webhooks] == [webhook["id"]]


def test_a_webhook_without_the_key_is_named_and_given_it(scene: Scene) -> None:
    secret = {**PASSWORD, "WEBHOOK_KEY": "a key/with signs"}
    with scene.connected(**secret) as port:
        found = faults(scene.examined(**secret))
        assert list(found) == ["webhook_refused"]
        assert "401" in found["webhook_refused"].found
        findings = scene.examined(fix=True, **secret)
        assert faults(findings) == {}
        assert [webhook["url"] for webhook in scene.webhooks] == [
            f"http://127.0.0.1:{port}/webhook?key=a%20key%2Fwith%20signs"
        ]
        assert "a%20key" not in str(findings)


def test_basic_auth_on_the_webhook_is_named_and_answered(scene: Scene) -> None:
    """Where a proxy, or a backend with a key that we do not know, asks events for the password."""
    with scene.connected(**PASSWORD, WEBHOOK_KEY="unknown here"):
        assert list(faults(scene.examined(**PASSWORD))) == ["webhook_refused"]
        findings = scene.examined(fix=True, **PASSWORD)
        assert faults(findings) == {}
        [webhook] = scene.webhooks
        assert webhook["headers"] == {"Authorization": "Basic bGFiZWw6c3R1ZGlv"}
        assert "bGFiZWw6c3R1ZGlv" not in str(findings)


def test_our_password_is_sent_to_no_address_that_has_it_not_already(scene: Scene) -> None:
    with scene.connected(WEBHOOK_KEY="unknown here"):  # connected without a password
        assert list(faults(scene.examined(fix=True, **PASSWORD))) == ["webhook_refused"]
        assert [webhook["headers"] for webhook in scene.webhooks] == [{}]


def test_a_password_that_label_studio_was_not_told_is_named(scene: Scene) -> None:
    with scene.connected() as port:
        pass
    with served(scene.settings(**PASSWORD), port):
        assert list(faults(scene.examined(**PASSWORD))) == ["basic_auth_missing"]


def test_a_password_that_label_studio_has_wrong_is_named(scene: Scene) -> None:
    with scene.connected(**PASSWORD) as port:
        pass
    with served(scene.settings(**{**PASSWORD, "BASIC_AUTH_PASS": "another"}), port):
        assert list(faults(scene.examined(**PASSWORD))) == ["basic_auth_wrong"]


def test_a_wrong_labeling_config_is_named(scene: Scene) -> None:
    choices = '<Choices name="kind" toName="image"><Choice value="a"/></Choices>'
    with scene.connected():
        scene.studio.api("PATCH", f"/api/projects/{scene.number}/", {"label_config": IMAGE.format(choices)})
        found = faults(scene.examined())
    assert list(found) == ["config_wrong", "setup_refused"]
    assert "No RectangleLabels" in found["config_wrong"].found
    assert "No RectangleLabels" in found["setup_refused"].found


def test_an_image_that_is_refused_is_named(scene: Scene) -> None:
    with Listener(lambda asked: reply(b"", 401)) as host, scene.connected():
        scene.studio.api("DELETE", f"/api/tasks/{scene.task}/")
        scene.studio.api("POST", f"/api/projects/{scene.number}/import", [{"data": {"image": f"{host.url}/a.png"}}])
        found = faults(scene.examined(IMAGE_HOSTS="127.0.0.1"))
        assert list(found) == ["image_refused"]
        assert "401" in found["image_refused"].found
        assert list(faults(scene.examined())) == ["image_unavailable"]  # a private address that nobody allowed


def test_a_wrong_token_is_named(scene: Scene) -> None:
    for token, kind in (("f" * 40, "legacy token"), ("a.b.c", "personal access token")):
        findings = scene.examined(LABEL_STUDIO_API_KEY=token)
        found = faults(findings)
        assert list(found) == ["token_wrong"]
        assert kind in found["token_wrong"].tried
        assert token not in str(findings)
        assert [(finding.check, finding.level) for finding in findings[2:]] == [("Project", Level.SKIPPED)]


def test_a_legacy_token_that_is_refused_is_named_and_a_personal_one_exchanged(scene: Scene) -> None:
    personal = personal_token(scene.studio)
    scene.studio.api("POST", "/api/jwt/settings", {"legacy_api_tokens_enabled": False})
    try:
        refused = scene.examined()
        with served(scene.settings()):
            accepted = scene.examined(LABEL_STUDIO_API_KEY=personal)
    finally:
        allow_legacy_tokens(scene.studio, personal)
    assert list(faults(refused)) == ["token_legacy_disabled"]
    assert list(faults(accepted)) == ["not_connected"]
    assert "personal access token" in accepted[1].tried
    assert "exchanged" in accepted[1].tried
    assert accepted[1].level is Level.OK
    assert personal not in str(accepted)
    assert "admin@example.com" not in str(accepted)


def personal_token(studio: Studio) -> str:
    for old in studio.api("GET", "/api/token/"):
        studio.api("POST", "/api/token/blacklist/", {"refresh": old["token"]})
    token: str = studio.api("POST", "/api/token/", {})["token"]
    return token


def allow_legacy_tokens(studio: Studio, personal: str) -> None:
    access = studio.session.post(f"{studio.url}/api/token/refresh/", json={"refresh": personal}, timeout=30).json()
    answer = studio.session.post(
        f"{studio.url}/api/jwt/settings",
        json={"legacy_api_tokens_enabled": True},
        headers={"Authorization": f"Bearer {access['access']}"},
        timeout=30,
    )
    assert answer.ok, answer.text


def test_a_project_that_is_not_there_is_named(scene: Scene) -> None:
    settings = scene.settings()
    found = list(examine_projects(settings, [987654], fix=False, backend_url=""))
    assert [(finding.code, finding.level) for finding in found[2:]] == [("project_missing", Level.FAILED)]


def test_the_command_prints_json_and_fails_where_something_failed(scene: Scene) -> None:
    with scene.connected():
        settings = scene.settings()
        answer = command(settings, "--project", str(scene.number), "--json")
        findings = json.loads(answer.stdout)
        assert {finding["level"] for finding in findings if finding["project_id"]} == {"ok"}
        assert [finding["code"] for finding in findings if finding["level"] == "failed"] == ["backend_not_running"]
        assert answer.returncode == 1


def command(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    ours = {name for setting in SETTINGS for name in (setting.name, *setting.aliases)}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    environ = {
        "DATA_DIR": str(settings.data_dir),
        "LABEL_STUDIO_URL": settings.label_studio_url,
        "LABEL_STUDIO_API_KEY": settings.label_studio_api_key,
    }
    return subprocess.run(
        [sys.executable, "-m", "backend", "doctor", *arguments],
        cwd=ROOT,
        env={**kept, **environ},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
def test_a_blocked_address_is_named(make_settings: MakeSettings) -> None:
    """With a Label Studio of its own, that keeps its protection against local addresses."""
    program = os.environ.get("LABEL_STUDIO_BIN", "")
    if not program:
        pytest.skip("LABEL_STUDIO_BIN is not set: make test installs Label Studio and sets it")
    with label_studio(program, env={"LABEL_STUDIO_SSRF_PROTECTION_ENABLED": "true"}) as studio:
        scene = Scene(studio, make_settings, studio.create_project("blocked", label_config("forms")), 0)
        with served(scene.settings()) as port:
            url = f"http://127.0.0.1:{port}"
            with pytest.raises(AssertionError, match="403"):
                scene.studio.connect(scene.number, url)
            found = faults(scene.examined(fix=True))
            assert list(found) == ["webhook_blocked"]
            assert "LABEL_STUDIO_SSRF_PROTECTION_ENABLED=false" in found["webhook_blocked"].remedy
    blocked = {"LABEL_STUDIO_ML_BLOCK_LOCAL_IP": "true", "LABEL_STUDIO_SSRF_PROTECTION_ENABLED": "true"}
    with label_studio(program, env=blocked) as studio:
        scene = Scene(studio, make_settings, studio.create_project("blocked", label_config("forms")), 0)
        found = faults(scene.examined(backend_url="http://127.0.0.1:9090"))
        assert list(found) == ["connect_blocked"]
        assert "LABEL_STUDIO_ML_BLOCK_LOCAL_IP=false" in found["connect_blocked"].remedy

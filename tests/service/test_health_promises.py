"""`/health` as FAILURES.md, section 9, has it: all fields, in any state, and nothing is touched while it answers."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.errors import TrainingRefused
from backend.jobs.changes import note_change
from backend.jobs.run_state import Phase, RunState, write_run
from backend.service.services import EXTENSION, Services
from backend.settings import Settings
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.disks import fill, small_disk
from tests.own_redis import own_redis
from tests.waiting import wait_until

AppFactory = Callable[..., Flask]

TOUCHING = ("open", "os.", "socket.", "subprocess.", "shutil.", "ctypes.", "mmap.", "fcntl.", "glob.", "pathlib.")
"""Beginnings of the names under which Python tells of what leaves the process."""

_watched: dict[int, list[str]] = {}
_hooks: list[bool] = []


def told(app: Flask) -> tuple[int, dict[str, Any]]:
    """The status and the picture when everything was looked at anew."""
    services: Services = app.extensions[EXTENSION]
    services.health.refresh()
    answer = app.test_client().get("/health")
    facts: dict[str, Any] = answer.get_json()
    return answer.status_code, facts


@contextmanager
def watched() -> Iterator[list[str]]:
    """What this thread touches meanwhile, by Python's own audit events."""

    def hook(event: str, _: object) -> None:
        found = _watched.get(threading.get_ident())
        if found is not None and event.startswith(TOUCHING):
            found.append(event)

    if not _hooks:  # one can never be taken away again
        sys.addaudithook(hook)
        _hooks.append(True)
    _watched[threading.get_ident()] = found = []
    try:
        yield found
    finally:
        del _watched[threading.get_ident()]


def publish(folder: ProjectFolder, content: bytes = b"w") -> VersionStore:
    store = VersionStore(folder)
    with store.stage() as staged:
        (staged / "weights.safetensors").write_bytes(content)
        (staged / "labels.json").write_text('{"names": ["a", "b"]}')
        store.promote(store.publish(staged, {}), "test")
    return store


def test_every_field_is_there_from_the_first_answer_on_with_one_of_its_values(client: FlaskClient) -> None:
    facts = client.get("/health").get_json()
    assert facts["status"] == "UP"
    assert facts["model_class"] == "LayoutLMv3Backend"
    assert facts["queue"] in ("ok", "down", "read-only", "embedded")
    assert facts["worker"] in ("idle", "training", "down")
    assert facts["ocr"] in ("ok", "missing")
    assert facts["storage"] in ("ok", "full", "read-only")
    assert isinstance(facts["device"], str)
    assert facts["projects"] == {}


def test_a_project_has_version_training_pending_and_last_error(app: Flask, settings: Settings) -> None:
    publish(ProjectFolder(settings.data_dir, 3))
    _, facts = told(app)
    assert facts["projects"]["3"].items() >= {
        "version": "v1", "training": None, "pending": False, "last_error": None
    }.items()  # fmt: skip


def test_P7_an_answer_touches_neither_disk_nor_queue_nor_anything_else(client: FlaskClient) -> None:
    client.get("/health")  # what is made once for an application
    with watched() as touched:
        assert client.get("/health").status_code == 200
    assert touched == []
    with watched() as touched:
        Path("/proc/self/stat").read_text()
    assert touched == ["open"], "the watch sees what it should"


def test_P7_it_answers_while_the_queue_is_paused_and_the_disk_hangs(
    make_app: AppFactory, tmp_path: Path, settings: Settings
) -> None:
    folder = ProjectFolder(settings.data_dir, 9)
    with own_redis(tmp_path) as redis, redis.paused():
        app = make_app(REDIS_URL=redis.url)
        note_change(ProjectFolder(settings.data_dir, 3))
        client = app.test_client()
        wait_until(lambda: "3" in client.get("/health").get_json()["projects"], 20, "the first picture is there")
        folder.path.mkdir(parents=True)
        os.mkfifo(folder.current)  # whoever reads it waits for ever, as on a disk that does not answer
        services: Services = app.extensions[EXTENSION]
        stuck = threading.Thread(target=services.health.refresh, daemon=True)
        stuck.start()
        for _ in range(20):
            answer = client.get("/health")
            assert (answer.status_code, answer.get_json()["queue"]) == (200, "down")
        assert stuck.is_alive(), "it hangs where the request does not go"
        services.health.stop()
        release(folder.current)
        stuck.join(20)


def release(pipe: Path) -> None:
    """Let all who wait for a pipe's content have the end of it, and those to come find none."""
    aside = pipe.rename(pipe.with_name("released"))
    os.close(os.open(aside, os.O_RDWR | os.O_NONBLOCK))


def damage_size(store: VersionStore) -> None:
    (store.folder(2) / "weights.safetensors").unlink()


def damage_content(store: VersionStore) -> None:
    (store.folder(2) / "weights.safetensors").write_bytes(b"v")


def damage_labels(store: VersionStore) -> None:
    (store.folder(2) / "labels.json").write_text('{"names": ["a"]}')


@pytest.mark.parametrize("damage", [damage_size, damage_content, damage_labels])
def test_FA17_a_damaged_newest_version_is_told_and_the_older_one_named(
    make_app: AppFactory, settings: Settings, damage: Callable[[VersionStore], None], caplog: pytest.LogCaptureFixture
) -> None:
    folder = ProjectFolder(settings.data_dir, 3)
    publish(folder)
    damage(publish(folder))
    status, facts = told(make_app())
    assert (status, facts["status"]) == (200, "UP")
    project = facts["projects"]["3"]
    assert project["version"] == "v1"
    assert len(project["degraded"]) == 1
    assert project["degraded"][0].startswith("v2 is damaged: ")
    assert "version cannot be served" in caplog.text


def test_what_does_not_stop_predictions_is_200(make_app: AppFactory, settings: Settings) -> None:
    folder = ProjectFolder(settings.data_dir, 3)
    store = publish(folder)
    (store.folder(1) / "weights.safetensors").unlink()
    refusal = TrainingRefused("no_labels", "no labels", "add labels")
    write_run(folder, RunState("train-3-a", Phase.FAILED, code=refusal.code, message=refusal.message))
    status, facts = told(make_app(REDIS_URL="redis://127.0.0.1:1/0"))
    assert (status, facts["status"], facts["queue"], facts["worker"]) == (200, "UP", "down", "down")
    assert facts["projects"]["3"]["degraded"]
    assert facts["projects"]["3"]["last_error"]["code"] == "no_labels"


def test_a_full_disk_is_told_and_200(make_app: AppFactory, settings: Settings) -> None:
    with small_disk(settings.data_dir) as disk:
        app = make_app()
        fill(disk)
        status, facts = told(app)
        assert (status, facts["storage"]) == (200, "full")
        assert app.test_client().get("/health").status_code == 200

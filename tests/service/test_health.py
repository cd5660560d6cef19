"""What `/health` tells (FAILURES of storage, OCR, model and queue included)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.errors import ServiceError, TrainingRefused
from backend.jobs.changes import note_change, note_start
from backend.jobs.run_state import Phase, RunState, write_run
from backend.service.health import storage_state
from backend.service.loading import Predictor
from backend.service.services import EXTENSION, Services
from backend.settings import Settings
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.service.stand_in import StandInPredictor

AppFactory = Callable[..., Flask]
AppBuilder = Callable[[Settings, Callable[[], Predictor]], Flask]


def picture(app: Flask, status: int = 200) -> dict[str, Any]:
    """What `/health` tells when everything was looked at anew."""
    services: Services = app.extensions[EXTENSION]
    services.health.refresh()
    answer = app.test_client().get("/health")
    assert answer.status_code == status
    facts: dict[str, Any] = answer.get_json()
    return facts


def wait_until(holds: Callable[[], bool]) -> None:
    last = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < last
        time.sleep(0.02)


def test_the_first_answer_needs_no_look_at_anything(client: FlaskClient) -> None:
    for path in ("/", "/health"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.get_json()["status"] == "UP"
        assert answer.get_json()["model_class"] == "LayoutLMv3Backend"


def test_a_loaded_model_is_told_with_device_and_licence(app: Flask, services: Services) -> None:
    services.loader.wait(time.monotonic() + 10)
    facts = picture(app)
    assert facts["model"] == {"state": "ready", "reason": None}
    assert facts["device"] == "cpu"
    assert facts["base_model"] == {"name": "stand-in", "licence": "none"}
    assert (facts["ocr"], facts["storage"]) == ("ok", "ok")


def test_FA02_a_queue_that_is_down_is_told_and_nothing_else_suffers(make_app: AppFactory) -> None:
    facts = picture(make_app(REDIS_URL="redis://127.0.0.1:1/0"))
    assert (facts["status"], facts["queue"], facts["worker"]) == ("UP", "down", "down")


def test_a_queue_that_answers_is_told(make_app: AppFactory, redis_url: str) -> None:
    facts = picture(make_app(REDIS_URL=redis_url))
    assert (facts["queue"], facts["worker"]) == ("ok", "down")


def test_a_queue_of_our_own_is_told_as_embedded(make_app: AppFactory, redis_url: str, settings: Settings) -> None:
    settings.embedded_redis_socket.parent.mkdir(parents=True)
    settings.embedded_redis_socket.symlink_to(redis_url.removeprefix("unix://"))
    assert picture(make_app())["queue"] == "embedded"


def test_projects_are_told_with_version_training_and_last_error(app: Flask, settings: Settings) -> None:
    folders = [ProjectFolder(settings.data_dir, number) for number in (3, 4)]
    for folder in folders:
        note_change(folder)
    store = VersionStore(folders[0])
    with store.stage() as staged:
        (staged / "weights.safetensors").write_bytes(b"w")
        store.promote(store.publish(staged, {}), "test")
    write_run(folders[0], RunState("train-3-a", Phase.RUNNING, stage="fit", step=4, steps=9, started=1.0))
    refusal = TrainingRefused("no_labels", "no labels", "add labels")
    write_run(
        folders[1],
        RunState("train-4-a", Phase.REFUSED, code=refusal.code, message=refusal.message, hint=refusal.hint),
    )
    told = picture(app)["projects"]
    assert told["3"] == {
        "title": "",
        "version": "v1",
        "training": {
            "job": "train-3-a",
            "state": "running",
            "stage": "fit",
            "step": 4,
            "steps": 9,
            "started": 1.0,
        },
        "pending": True,
        "last_run": None,
        "last_error": None,
        "degraded": [],
    }
    assert told["4"]["version"] == "untrained"
    assert told["4"]["training"] is None
    assert told["4"]["last_error"] == {"code": "no_labels", "message": "no labels", "hint": "add labels"}


def test_a_version_that_was_refused_is_told_with_the_reason(app: Flask, settings: Settings) -> None:
    folder = ProjectFolder(settings.data_dir, 3)
    note_change(folder)
    ended = RunState("train-3-a", Phase.SUCCEEDED, version=2, reason="F1 0.2 against 0.9", annotations=25, ended=9.0)
    write_run(folder, ended)
    assert picture(app)["projects"]["3"]["last_run"] == {
        "version": "v2",
        "promoted": False,
        "reason": "F1 0.2 against 0.9",
        "annotations": 25,
        "config_changed": False,
        "ended": 9.0,
        "metrics": {},
    }


def test_a_wish_to_train_is_pending(app: Flask, settings: Settings) -> None:
    note_start(ProjectFolder(settings.data_dir, 3))
    assert picture(app)["projects"]["3"]["pending"] is True


def test_FA19_damaged_versions_are_told_and_the_service_stays_up(app: Flask, settings: Settings) -> None:
    store = VersionStore(ProjectFolder(settings.data_dir, 3))
    with store.stage() as staged:
        (staged / "weights.safetensors").write_bytes(b"w")
        store.promote(store.publish(staged, {}), "test")
    (store.folder(1) / "weights.safetensors").unlink()
    told = picture(app)["projects"]["3"]
    assert told["version"] == "untrained"
    assert "weights.safetensors is missing" in told["degraded"][0]


def test_the_picture_is_refreshed_by_itself(app: Flask, settings: Settings) -> None:
    note_change(ProjectFolder(settings.data_dir, 8))
    wait_until(lambda: "8" in app.test_client().get("/health").get_json()["projects"])


def test_FA34_a_missing_ocr_program_is_503(app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    facts = picture(app, 503)
    assert (facts["status"], facts["ocr"], facts["error"]["code"]) == ("DOWN", "missing", "ocr_missing")
    assert "tesseract" in app.test_client().get("/health").status


def test_FA16_a_missing_data_folder_is_503(app: Flask, settings: Settings) -> None:
    settings.data_dir.rename(settings.data_dir.with_name("moved"))
    facts = picture(app, 503)
    assert (facts["storage"], facts["error"]["code"]) == ("read-only", "storage")
    assert str(settings.data_dir) not in str(facts)


def test_FA21_a_missing_base_model_is_503_with_its_name(build_app: AppBuilder, settings: Settings) -> None:
    def load() -> Predictor:
        raise ServiceError("base_model_missing", "no files of microsoft/layoutlmv3-base", "put them into HF_HOME")

    app = build_app(settings, load)
    services: Services = app.extensions[EXTENSION]
    wait_until(lambda: services.loader.state == "failed")
    facts = picture(app, 503)
    assert facts["model"] == {"state": "failed", "reason": "no files of microsoft/layoutlmv3-base"}
    assert facts["error"]["code"] == "base_model_missing"
    answer = app.test_client().post("/predict", json={"project": 3, "tasks": [{}], "label_config": "<View/>"})
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "base_model_missing")


def test_a_model_that_still_loads_is_no_fault(build_app: AppBuilder, settings: Settings) -> None:
    def load() -> Predictor:
        time.sleep(1)
        return StandInPredictor()

    app = build_app(settings, load)
    assert picture(app)["model"] == {"state": "loading", "reason": None}


def test_storage_is_told_by_the_folder(tmp_path: Path) -> None:
    assert storage_state(tmp_path) in ("ok", "full")
    assert storage_state(tmp_path / "missing") == "read-only"
    assert storage_state(Path("/proc/self")) == "read-only"


def test_files_that_cannot_be_read_do_not_stop_the_pictures(app: Flask, settings: Settings) -> None:
    projects = settings.data_dir / "projects"
    projects.mkdir(exist_ok=True)
    in_the_way = projects / "9" / "current"
    in_the_way.mkdir(parents=True)
    time.sleep(1.2)  # at least one picture was tried meanwhile
    in_the_way.rmdir()
    note_change(ProjectFolder(settings.data_dir, 9))
    wait_until(lambda: app.test_client().get("/health").get_json()["projects"].get("9", {}).get("pending") is True)

"""The parts of the demonstration; the whole of it is in tests/flows/test_demo.py."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from backend.errors import ServiceError
from backend.label_studio.config import parse_labeling_config
from backend.versions.locks import locked
from scripts.demo import __main__ as demo
from scripts.demo import backend_health
from scripts.demo.backend_health import has_learnt_or_learns, nothing_to_watch, wait_for_version, wait_until_ready
from scripts.demo.forms import ANNOTATED, FORMS, LABEL_CONFIG, sample_forms
from scripts.demo.processes import free_port
from tests.pages.loopback import Answer, Asked, Listener, closed_port, in_turn, reply

UP = {"status": "UP", "queue": "embedded", "worker": "idle", "projects": {}}
NO_TESSERACT = {"code": "ocr_missing", "message": "the program tesseract is not installed", "hint": "install it"}


def told(**facts: object) -> bytes:
    return reply(json.dumps({**UP, **facts}).encode())


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_health, "START_S", 0.0)
    monkeypatch.setattr(backend_health, "NOTICED_S", 0.0)
    monkeypatch.setattr(backend_health, "VERSION_S", 0.0)
    monkeypatch.setattr(backend_health, "LOOK_S", 0.0)


def program(folder: Path, script: str) -> str:
    """A stand-in for Label Studio's program."""
    path = folder / "label-studio"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def start(folder: Path, label_studio: str, *more: str) -> int:
    ports = ["--port", str(closed_port()), "--backend-port", str(closed_port())]
    return demo.main(["--folder", str(folder), "--label-studio", label_studio, *ports, *more])


def test_the_first_forms_are_annotated_with_labels_of_the_configuration() -> None:
    forms = list(sample_forms())
    assert len({form.name for form in forms}) == FORMS
    assert [form.results is not None for form in forms] == [number < ANNOTATED for number in range(FORMS)]
    labels = {item["value"]["rectanglelabels"][0] for form in forms for item in form.results or []}
    config = parse_labeling_config(LABEL_CONFIG.read_text(encoding="utf-8"))
    assert labels == {label.name for label in config.labels}


def test_a_port_that_is_taken_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert taken < free_port(taken) < taken + 100


def test_a_second_demonstration_in_a_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "demo"
    (folder / "backend").mkdir(parents=True)
    with locked(folder / "lock", patience_s=0):
        assert start(folder, "label-studio", "--fresh") == 1
    assert "demo_running" in capsys.readouterr().err
    assert (folder / "backend").exists()


def test_label_studio_that_is_not_there_is_named_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(tmp_path / "demo", str(tmp_path / "nowhere")) == 1
    told = capsys.readouterr().err
    assert "label_studio_missing" in told
    assert str(tmp_path / "nowhere") in told
    assert "LABEL_STUDIO_BIN" in told


def test_label_studio_that_ends_is_told_with_its_last_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert start(tmp_path / "demo", program(tmp_path, "echo no space left; exit 3")) == 1
    told = capsys.readouterr().err
    assert "Label Studio ended with status 3" in told
    assert "no space left" in told


def test_fresh_forgets_what_was_kept_and_nothing_else(tmp_path: Path) -> None:
    kept = [tmp_path / "demo" / name / "file" for name in ("label-studio", "backend", "mine")]
    for file in kept:
        file.parent.mkdir(parents=True)
        file.touch()
    assert start(tmp_path / "demo", program(tmp_path, "exit 3")) == 1
    assert [file.exists() for file in kept] == [True, True, True]
    assert start(tmp_path / "demo", program(tmp_path, "exit 3"), "--fresh") == 1
    assert [file.exists() for file in kept] == [False, False, True]


@pytest.mark.usefixtures("no_patience")
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (reply(b"busy", 500), "backend_unreachable"),
        (told(status="DOWN", error=NO_TESSERACT), "ocr_missing"),
        (told(queue="down", worker="down"), "queue_down"),
        (told(worker="down"), "queue_down"),
    ],
)
def test_a_backend_that_lacks_something_is_told(answer: Answer, code: str) -> None:
    def answered(asked: Asked) -> Answer:
        return answer

    with Listener(answered) as server, pytest.raises(ServiceError) as raised:
        wait_until_ready(server.url, nothing_to_watch)
    assert raised.value.code == code


def test_a_backend_that_is_up_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_health, "LOOK_S", 0.0)
    with Listener(in_turn(told(worker="down"), told())) as server:
        wait_until_ready(server.url, nothing_to_watch)
        assert len(server.asked) == 2


def test_the_first_version_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_health, "LOOK_S", 0.0)
    versions = [told(projects={"7": {"version": name}}) for name in ("untrained", "untrained", "v1")]
    with Listener(in_turn(told(), *versions)) as server:
        assert wait_for_version(server.url, 7, nothing_to_watch) == "v1"


@pytest.mark.usefixtures("no_patience")
@pytest.mark.parametrize(
    ("facts", "learns"),
    [
        ({"version": "untrained", "training": None, "pending": False}, False),
        ({"version": "untrained", "training": None, "pending": True}, True),
        ({"version": "untrained", "training": {"state": "waiting"}, "pending": False}, True),
        ({"version": "v1", "training": None, "pending": False}, True),
    ],
)
def test_a_backend_that_does_nothing_about_a_project_is_noticed(facts: dict[str, object], learns: bool) -> None:
    with Listener(in_turn(told(projects={"7": facts}))) as server:
        assert has_learnt_or_learns(server.url, 7) is learns
        assert has_learnt_or_learns(server.url, 8) is False


def test_waiting_for_a_version_ends_when_the_backend_cannot_make_one() -> None:
    with Listener(in_turn(told(), told(error=NO_TESSERACT))) as server, pytest.raises(ServiceError, match="tesseract"):
        wait_for_version(server.url, 7, nothing_to_watch)


@pytest.mark.usefixtures("no_patience")
def test_a_version_that_does_not_come_is_told_with_the_last_error() -> None:
    facts = {"version": "untrained", "last_error": {"message": "annotate 2 more"}}
    with (
        Listener(in_turn(told(projects={"7": facts}))) as server,
        pytest.raises(ServiceError, match="annotate 2 more"),
    ):
        wait_for_version(server.url, 7, nothing_to_watch)

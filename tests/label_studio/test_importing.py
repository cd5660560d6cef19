"""Uploads and imports whose answers get lost, against a small stand-in on loopback with real HTTP."""

from __future__ import annotations

import json

import pytest

from backend.errors import LabelStudioError
from backend.label_studio import importing
from backend.label_studio.client import LabelStudioClient
from backend.label_studio.importing import import_tasks, upload_image
from tests.pages.loopback import Asked, Listener, reply

TASKS = [{"data": {"image": "/data/upload/3/a.png"}}, {"data": {"image": "/data/upload/3/b.png"}}]


class Studio:
    """The part of Label Studio that takes files and tasks.

    Attributes:
        loses: what becomes of the next imports: `before` it is done or `after` it the connection breaks; 400 refuses.
    """

    def __init__(self, *loses: object) -> None:
        self.loses = list(loses)
        self.task_count = 5
        self.imports = 0

    def __call__(self, asked: Asked) -> bytes:
        path = asked.target.split("?")[0]
        if path == "/api/projects/3/":
            return as_json({"id": 3, "task_number": self.task_count})
        if path == "/api/import/file-upload/8":
            return as_json({"id": 8, "file": "upload/3/1f-my page.png"})
        assert path == "/api/projects/3/import"
        self.imports += 1
        fate = self.loses.pop(0) if self.loses else "none"
        if fate == 400:
            return reply(b"{}", 400)
        if fate == "before":
            return b""
        if "commit_to_project=false" in asked.target:
            answer = {"task_count": 1, "file_upload_ids": [8]}
        else:
            answer = {"task_count": len(json.loads(asked.body))}
            self.task_count += answer["task_count"]
        return b"" if fate == "after" else as_json(answer)


def as_json(content: object) -> bytes:
    return reply(json.dumps(content).encode())


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "PAUSE_S", 0.0)


def client(listener: Listener) -> LabelStudioClient:
    return LabelStudioClient(listener.url, "a" * 40)


@pytest.mark.parametrize("lost", [(), ("before",), ("after", "before")])
def test_an_image_is_uploaded_though_answers_get_lost(lost: tuple[str, ...]) -> None:
    studio = Studio(*lost)
    with Listener(studio) as listener:
        assert upload_image(client(listener), 3, "my page.png", b"bytes") == "/data/upload/3/1f-my%20page.png"
    assert studio.imports == len(lost) + 1


@pytest.mark.parametrize(("lost", "imports"), [((), 1), (("before",), 2), (("after",), 1), (("before", "after"), 2)])
def test_tasks_are_made_once_though_answers_get_lost(lost: tuple[str, ...], imports: int) -> None:
    studio = Studio(*lost)
    with Listener(studio) as listener:
        assert import_tasks(client(listener), 3, TASKS) == 2
    assert (studio.task_count, studio.imports) == (7, imports)


def test_a_refusal_is_not_asked_for_again() -> None:
    studio = Studio(400)
    with Listener(studio) as listener, pytest.raises(LabelStudioError):
        import_tasks(client(listener), 3, TASKS)
    assert studio.imports == 1


def test_a_label_studio_that_stays_away_is_given_up() -> None:
    studio = Studio(*["before"] * 10)
    with Listener(studio) as listener, pytest.raises(LabelStudioError):
        import_tasks(client(listener), 3, TASKS)
    assert studio.imports == importing.TRIES

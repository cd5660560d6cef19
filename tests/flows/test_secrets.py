"""The whole product with marked secrets and marked words on a page: where they show up, and where not (P10, RQ25)."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests import mixed_faults
from tests.drawn import Canvas
from tests.flows.conftest import png
from tests.mixed_faults import CONFIG
from tests.pages.loopback import Asked, Listener, reply
from tests.running import Backend, free_port, start
from tests.waiting import wait_until

API_KEY = "key0of0studio0b1946ac9"
SETUP_TOKEN = "token0of0setup05c7e2a11"
USER, PASSWORD = "someone", "password0of0backend07d1f"
WRONG_PASSWORD = "wrong0password03b9c"
HOOK_KEY = "key0of0webhook0c48e0d"
REDIS_PASSWORD = "password0of0redis09a3c"
SECRETS = (API_KEY, SETUP_TOKEN, PASSWORD, WRONG_PASSWORD, HOOK_KEY, REDIS_PASSWORD)
WORDS = ("Zanzibarium", "Quuxington")
PROJECT = 3


def page() -> bytes:
    canvas = Canvas(500, 160)
    canvas.write("Name:", (30, 60), 24)
    canvas.write(" ".join(WORDS), (160, 60), 24)
    canvas.write("Total:", (30, 120), 24)
    canvas.write("185.40", (160, 120), 24)
    return png(canvas.finish().image)


def answer_as_label_studio(asked: Asked) -> bytes:
    if asked.target.startswith("/data/upload/"):
        return reply(page(), content_type="image/png")
    # Whatever a run asks for, it gets nonsense that holds words of a document.
    return reply(f"<html>{' '.join(WORDS)}".encode(), 500)


@contextmanager
def redis_with_password(folder: Path) -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    port = str(free_port())
    settings = folder / "redis.conf"  # the password is for this file only, not for a command line
    settings.write_text(f"port {port}\nbind 127.0.0.1\nsave ''\ndir {folder}\nrequirepass {REDIS_PASSWORD}\n")
    with subprocess.Popen([program, str(settings)], stdout=subprocess.DEVNULL) as server:
        try:
            yield f"redis://:{REDIS_PASSWORD}@127.0.0.1:{port}/0"
        finally:
            server.terminate()


def processes() -> str:
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


class Client:
    """Asks the backend; keeps what it answered.

    Attributes:
        answers: everything that came back, but predictions.
    """

    def __init__(self, running: Backend) -> None:
        self.url = running.url
        self.answers: list[str] = []

    def post(self, path: str, body: object, password: str = PASSWORD, **options: Any) -> requests.Response:
        content = body if isinstance(body, bytes) else json.dumps(body)
        headers = {"Content-Type": "application/json"}
        return self.keep(
            requests.post(self.url + path, data=content, headers=headers, auth=(USER, password), timeout=100, **options)
        )

    def get(self, path: str) -> requests.Response:
        return self.keep(requests.get(self.url + path, auth=(USER, PASSWORD), timeout=10))

    def is_up(self) -> bool:
        try:
            return requests.get(f"{self.url}/health", auth=(USER, PASSWORD), timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def keep(self, answer: requests.Response) -> requests.Response:
        read = answer.json() if "json" in answer.headers.get("Content-Type", "") else answer.text
        if isinstance(read, dict):
            read.pop("results", None)
        self.answers.append(f"{answer.reason} {answer.headers} {json.dumps(read)}")
        return answer


def task(number: int, image: Any) -> dict[str, Any]:
    return {"id": number, "data": {"image": image, "note": " ".join(WORDS)}}


def test_secrets_and_words_of_documents_stay_where_they_belong(tmp_path: Path) -> None:
    """Marked secrets: 0 hits in logs, answers, `ps` and any file but project.json. Marked words: none in the logs.

    Nor does the token of Label Studio go anywhere else than to its configured origin (RQ25).
    """
    data_dir = tmp_path / "backend" / "data"
    mixed_faults.publish_version(data_dir, PROJECT)
    with (
        Listener(answer_as_label_studio) as studio,
        Listener(lambda asked: reply(page())) as elsewhere,
        redis_with_password(tmp_path) as redis_url,
    ):
        settings = {"LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_API_KEY": API_KEY, "REDIS_URL": redis_url}
        settings |= {"BASIC_AUTH_USER": USER, "BASIC_AUTH_PASS": PASSWORD, "WEBHOOK_KEY": HOOK_KEY}
        settings |= {"LOG_LEVEL": "DEBUG", "BASE_MODEL": "none", "TRAIN_QUIET_S": "0", "OCR_ENGINE": "tesseract"}
        running = start(data_dir, free_port(), **settings)
        try:
            client = Client(running)
            wait_until(client.is_up, 60, "/health answers")
            use(client, studio, elsewhere)
            seen = processes()
        finally:
            running.process.terminate()
            running.process.wait(45)
        log = running.log.read_text(errors="replace")

    # RQ25: the announced address was never asked, and only Label Studio got the token, the configured one.
    assert elsewhere.connections == 0
    asked = [request.headers.get("authorization", "") for request in studio.asked]
    assert asked
    assert set(asked) == {f"Token {API_KEY}"}

    answers = "\n".join(client.answers)
    for secret in (*SECRETS, *(base64.b64encode(f"{USER}:{one}".encode()).decode() for one in SECRETS)):
        for where, text in (("log", log), ("answers", answers), ("ps", seen)):
            assert secret not in text, (secret, where)
        held = [path for path in files(data_dir.parent) if secret.encode() in path.read_bytes()]
        assert {path.name for path in held} <= {"project.json"}, (secret, held)
        assert all(path.stat().st_mode & 0o077 == 0 for path in held)
    for word in WORDS:
        for where, text in (("log", log), ("answers", answers), ("ps", seen)):
            assert word not in text, (word, where)
    # It was noted in project.json, as it must be where no key is configured; so the search does find what is there.
    assert SETUP_TOKEN in (data_dir / "projects" / str(PROJECT) / "project.json").read_text()


def use(client: Client, studio: Listener, elsewhere: Listener) -> None:
    """Everything that a backend is asked, and much that goes wrong."""
    setup = {"project": f"{PROJECT}.17", "schema": CONFIG, "hostname": elsewhere.url, "access_token": SETUP_TOKEN}
    assert client.post("/setup", setup).status_code == 200
    tasks = [
        task(1, "/data/upload/1/a.png"),
        task(2, f"{elsewhere.url}/data/upload/1/a.png"),  # announced as Label Studio: asked for at the configured one
        task(3, f"{studio.url}/api/nothing/{' '.join(WORDS)}"),
        task(4, "data:text/html;base64," + base64.b64encode(" ".join(WORDS).encode()).decode()),
        task(5, [" ".join(WORDS)]),
        task(6, f"http://{USER}:{PASSWORD}@10.0.0.1/a.png"),
        {"id": " ".join(WORDS), "data": {}},
    ]
    answer = client.post("/predict", {"project": PROJECT, "tasks": tasks, "label_config": CONFIG})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [bool(entry) for entry in results] == [True, True, False, False, False, False, False]
    assert all(word in answer.text for word in WORDS)  # they were read and predicted
    assert client.post("/predict", {"project": PROJECT, "tasks": []}, password=WRONG_PASSWORD).status_code == 401
    assert client.post("/predict", f'{{"tasks": ["{WORDS[0]}", }}'.encode()).status_code == 400
    assert client.post("/setup", {**setup, "schema": f"<View><{WORDS[0]}"}).status_code == 400
    event = {"action": "START_TRAINING", "project": PROJECT, "annotation": {"result": " ".join(WORDS)}}
    unsigned = {"timeout": 10, "json": event}
    assert client.keep(requests.post(f"{client.url}/webhook?key={HOOK_KEY}", **unsigned)).status_code == 201
    assert client.keep(requests.post(f"{client.url}/webhook?key=not-{HOOK_KEY}", **unsigned)).status_code == 401
    wait_until(lambda: any("/api/projects" in request.target for request in studio.asked), 60, "a run asks for tasks")
    for path in ("/health", "/metrics", "/versions", "/nowhere?key=" + HOOK_KEY, f"/is_training?project={PROJECT}"):
        client.get(path)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]

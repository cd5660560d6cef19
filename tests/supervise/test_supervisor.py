"""The real command, with its real children."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.settings import load_settings
from backend.versions.locks import locked
from tests.disks import make_read_only, small_disk
from tests.supervise.processes import children_of, is_alive
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Backend:
    """`python -m backend run` on a free port."""

    def __init__(self, folder: Path, redirection: str = "", **environ: str) -> None:
        """`redirection` of its outputs is as in a shell."""
        self.port = free_port()
        self.out = folder / "out.txt"
        self.log = folder / "log.txt"
        self.data_dir = folder / "data"
        settings = {"PORT": str(self.port), "HOST": "127.0.0.1", "DATA_DIR": str(self.data_dir)} | environ
        with self.out.open("ab") as output, self.log.open("ab") as log:
            command = ["/bin/sh", "-c", f"exec {sys.executable} -m backend run {redirection}"]
            env = {**os.environ, "BASE_MODEL": "starter"} | settings
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=log)
        self.seen: set[int] = set()

    def health(self) -> dict[str, Any] | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))
        except OSError:
            return None

    def children(self) -> dict[int, str]:
        found = children_of(self.process.pid)
        self.seen |= found.keys()
        return found

    def child(self, sign: str) -> int | None:
        """The first child whose command line has a sign."""
        return next((pid for pid, command in self.children().items() if sign in command), None)

    def wait_up(self) -> None:
        wait_until(lambda: "The backend is up" in self.out.read_text(), 40, "the start is over")

    def end(self) -> None:
        self.children()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("b")


@pytest.fixture
def backend(folder: Path) -> Iterator[Backend]:
    made = Backend(folder)
    yield made
    made.end()


def test_P11_FA01_one_command_starts_everything_heals_it_and_ends_it(backend: Backend) -> None:
    backend.wait_up()
    own_redis = [line for line in backend.log.read_text().splitlines() if "our own Redis server" in line]
    assert len(own_redis) == 1, "said in one line"
    assert (backend.data_dir / "run" / "redis.sock").is_socket()
    assert f"http://127.0.0.1:{backend.port}" in backend.out.read_text()
    wait_until(lambda: (backend.health() or {}).get("queue") == "embedded", 20, "the queue is up")
    wait_until(lambda: (backend.health() or {}).get("worker") == "idle", 20, "the worker is up")

    def whole() -> bool:
        facts = backend.health() or {}
        return (facts.get("queue"), facts.get("worker")) == ("embedded", "idle")

    for sign in ("backend worker", "gunicorn", "redis"):
        before = backend.child(sign)
        assert before is not None
        below = children_of(before)
        os.kill(before, signal.SIGKILL)
        wait_until(lambda s=sign, b=before: backend.child(s) not in (None, b), 20, f"{sign} runs again")  # type: ignore[misc]
        wait_until(whole, 30, f"everything works after {sign} was killed")
        wait_until(lambda b=below: not [pid for pid in b if is_alive(pid)], 10, f"no orphan of {sign}: {below}")  # type: ignore[misc]
    answering = max(pid for pid, command in backend.children().items() if "gunicorn" in command)
    os.kill(answering, signal.SIGKILL)
    wait_until(whole, 30, "everything works after the process that answers was killed")

    backend.children()
    backend.process.terminate()
    assert backend.process.wait(40) == 0
    wait_until(lambda: not [pid for pid in backend.seen if is_alive(pid)], 20, "no child is left")
    assert backend.out.read_text().count("The backend is up") == 1


def test_P11_FA42_children_end_with_a_supervisor_that_is_killed_and_the_next_start_needs_no_repair(
    backend: Backend, folder: Path
) -> None:
    wait_until(backend.health, 30, "it answers")
    backend.children()
    backend.process.kill()
    backend.process.wait()
    again = Backend(folder, PORT=str(backend.port))  # at once, as a service manager does
    again.port = backend.port
    try:
        wait_until(lambda: not [pid for pid in backend.seen if is_alive(pid)], 20, "no child is left")
        wait_until(again.health, 30, "it answers again")
        wait_until(lambda: (again.health() or {}).get("worker") == "idle", 30, "the worker is back")
        again.process.send_signal(signal.SIGINT)
        assert again.process.wait(40) == 0
    finally:
        again.end()


def test_FA42_a_start_that_is_not_over_is_ended_as_quickly(backend: Backend) -> None:
    wait_until(lambda: backend.child("backend worker"), 20, "the worker is started")
    backend.children()
    backend.process.terminate()
    assert backend.process.wait(40) == 0
    assert "The backend is up" not in backend.out.read_text()
    assert not [pid for pid in backend.seen if is_alive(pid)]


def outcome(backend: Backend, within_s: float = 20) -> tuple[int, list[str]]:
    """The exit status and what it said for people."""
    status = backend.process.wait(within_s)
    return status, [line for line in backend.log.read_text().splitlines() if not line.startswith("{")]


def test_FA41_a_port_in_use_ends_it_with_one_line(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, said = outcome(Backend(folder, PORT=str(port)))
    assert status == 1
    assert said == [f"port_in_use: port {port} is in use (set PORT to another one)"]


def test_FA41_a_data_folder_in_use_ends_it_with_one_line(folder: Path) -> None:
    settings = load_settings({"DATA_DIR": str(folder / "data")})
    with locked(settings.data_dir / "run" / "supervisor.lock"):
        status, said = outcome(Backend(folder))
    assert status == 1
    assert said == ["data_dir_locked: DATA_DIR is in use by another running backend (stop it, or set another DATA_DIR)"]


@pytest.mark.parametrize("redirection", [">/dev/full 2>/dev/full", ">&- 2>&- <&-"], ids=["disk full", "closed"])
def test_FA43_a_log_that_cannot_be_written_stops_nothing(folder: Path, redirection: str) -> None:
    backend = Backend(folder, redirection)
    try:
        wait_until(lambda: (backend.health() or {}).get("worker") == "idle", 40, "everything works")
        event = json.dumps({"action": "ANNOTATION_CREATED", "project": 3}).encode()
        headers = {"Content-Type": "application/json"}
        url = f"http://127.0.0.1:{backend.port}/webhook"
        with urllib.request.urlopen(urllib.request.Request(url, event, headers), timeout=5) as answer:
            assert answer.status == 201
        for sign in ("backend worker", "gunicorn"):
            pid = backend.child(sign)
            assert pid is not None
            outputs = {os.readlink(f"/proc/{pid}/fd/{descriptor}") for descriptor in (1, 2)}
            assert outputs <= {"/dev/full", "/dev/null"}, "no file of ours took their numbers"
        wait_until(lambda: (backend.health() or {}).get("model", {}).get("state") == "ready", 60, "the model is loaded")
        backend.children()
        backend.process.terminate()
        assert backend.process.wait(40) == 0
    finally:
        backend.end()


def test_FA16_a_data_folder_on_a_read_only_disk_ends_it_with_one_line(folder: Path) -> None:
    with small_disk(folder / "disk") as disk:
        make_read_only(disk)
        status, said = outcome(Backend(folder, DATA_DIR=str(disk / "data")))
    assert status == 1
    assert len(said) == 1
    assert said[0].startswith("data_dir_unusable: DATA_DIR cannot be written: Read-only file system")


def test_FA41_a_setting_that_does_not_exist_ends_it_with_one_line(folder: Path) -> None:
    status, said = outcome(Backend(folder, OCR_LANGUAGE="deu"))
    assert status == 1
    assert said == [
        "unknown_setting: there is no setting OCR_LANGUAGE; OCR_LANGUAGES is meant (rename or remove OCR_LANGUAGE)"
    ]


def test_FA16_a_data_folder_that_cannot_be_made_ends_it_with_one_line(folder: Path) -> None:
    (folder / "file").write_text("")
    status, said = outcome(Backend(folder, DATA_DIR=str(folder / "file" / "data")))
    assert status == 1
    assert len(said) == 1
    assert said[0].startswith("data_dir_unusable: DATA_DIR cannot be written")


def test_FA01_without_a_redis_program_the_web_server_runs_and_says_what_to_install(folder: Path) -> None:
    backend = Backend(folder, PATH=str(folder))
    try:
        backend.wait_up()
        assert backend.out.read_text().count("apt-get install redis-server") == 1
        assert backend.health() is not None
        assert backend.child("backend worker") is None
        started = time.monotonic()
        backend.process.terminate()
        assert backend.process.wait(40) == 0
        assert time.monotonic() - started < 40
    finally:
        backend.end()

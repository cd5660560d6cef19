"""Fixtures of the whole suite, in layers: a clean environment -> settings -> the real parts around us."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from redis import Redis
from redis.exceptions import RedisError

from backend.settings import SETTINGS, Settings, load_settings
from tests.drawn import DrawnPage, draw_form, draw_receipt

# Read by huggingface_hub when it is imported, so before any test module: no test may depend on a model hub.
os.environ["HF_HUB_OFFLINE"] = "1"

# Timing says nothing about an example on a machine that other work shares.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")

pytest_plugins = ["tests.memorised"]

REDIS_START_S = 10.0

SettingsFactory = Callable[..., Settings]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine that runs the tests reaches them."""
    for setting in SETTINGS:
        for name in (setting.name, *setting.aliases):
            monkeypatch.delenv(name, raising=False)


@pytest.fixture
def make_settings(tmp_path: Path) -> SettingsFactory:
    """Settings with a data folder of the test's own; keywords are environment variables."""

    def make(**environ: str) -> Settings:
        return load_settings({"DATA_DIR": str(tmp_path / "data"), "PORT": "0", **environ})

    return make


@pytest.fixture
def settings(make_settings: SettingsFactory) -> Settings:
    """The defaults, with a data folder of the test's own."""
    return make_settings()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """URL of a real Redis on a private socket, for the whole run of the tests."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    # Not tmp_path: a socket's path may have 107 bytes only.
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        socket = Path(folder) / "redis.sock"
        command = [program, "--port", "0", "--unixsocket", str(socket), "--dir", folder, "--save", ""]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
            try:
                _wait_for_redis(socket)
                yield f"unix://{socket}"
            finally:
                server.terminate()


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """URL of a real Redis that holds nothing."""
    with Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


@pytest.fixture(scope="session")
def drawn_form() -> DrawnPage:
    return draw_form(1)


@pytest.fixture(scope="session")
def drawn_receipt() -> DrawnPage:
    return draw_receipt(1)


def _wait_for_redis(socket: Path) -> None:
    last_try = time.monotonic() + REDIS_START_S
    while True:
        try:
            with Redis.from_url(f"unix://{socket}") as client:
                client.ping()
            return
        except RedisError:
            if time.monotonic() > last_try:
                raise
            time.sleep(0.02)

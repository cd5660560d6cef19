"""A Redis server of a test's own, to be killed, paused and filled."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.waiting import wait_until


@dataclass
class OwnRedis:
    """A server with the settings that the product gives its own.

    Attributes:
        folder: of its files.
        socket: where it listens.
        environ: of its process, besides that of the test.
    """

    program: str
    folder: Path
    socket: Path
    environ: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        command = [self.program, "--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder)]
        command += ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
        env = {**os.environ, **self.environ}
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.answers, 20, "Redis answers")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It takes connections and answers nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except RedisError:
            return False

    def takes_writes(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.set("tried", os.getpid()))
        except RedisError:
            return False

    def client(self) -> Redis:
        return Redis.from_url(self.url, socket_timeout=5)


@contextmanager
def own_redis(folder: Path, environ: Mapping[str, str] | None = None) -> Iterator[OwnRedis]:
    """A server, running, whose files lie in a folder; it ends with the block."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    # Not the test's folder: a socket's path may have 107 bytes only.
    with tempfile.TemporaryDirectory(prefix="redis-") as short:
        server = OwnRedis(program, folder, Path(short) / "redis.sock", environ or {})
        server.start()
        try:
            yield server
        finally:
            server.kill()

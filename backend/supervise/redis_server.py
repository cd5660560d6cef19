"""Our own Redis: a child on a private Unix socket, for machines where nobody runs one."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from redis.exceptions import RedisError

from backend.errors import ServiceError
from backend.jobs.queue import connect
from backend.settings import Settings
from backend.supervise.child import start_process, stop_process

LOG = logging.getLogger(__name__)

PROGRAMS = ("redis-server", "valkey-server")

LONGEST_SOCKET_PATH = 100
"""Bytes; the kernel takes 107 and Redis adds some for its temporary name."""

START_S = 20.0
STOP_S = 5.0
LOOK_EVERY_S = 2.0


def find_program() -> str | None:
    """A Redis server program on PATH; None when there is none."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class RedisServer:
    """The server of one data folder. Only the holder of the data folder's lock may make one.

    Attributes:
        url: for the clients.
    """

    def __init__(self, settings: Settings, program: str) -> None:
        self._program = program
        self._folder = settings.data_dir / "redis"
        self._log = settings.data_dir / "run" / "redis.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._looked_at = float("-inf")  # monotonic
        socket = settings.embedded_redis_socket
        if len(os.fsencode(socket)) > LONGEST_SOCKET_PATH:
            socket = Path(tempfile.mkdtemp(prefix="redis-")) / "redis.sock"
        self._socket = socket
        self.url = f"unix://{quote(str(socket))}"

    @property
    def pid(self) -> int | None:
        """Process id of a server that this one started; None for none and for one that was taken over."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the server, or take over one that answers; afterwards it answers.

        Raises:
            ServiceError: `queue_down`: it cannot be started.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._socket.parent.mkdir(exist_ok=True)
        self._socket.parent.chmod(0o700)
        if self.answers():
            LOG.warning("a Redis server from before still answers and is used")
            return
        if self._run() or (self._process is None and self._run_without_files()):
            LOG.info("our own Redis server carries the queue, on a private socket", extra={"program": self._program})
            return
        self._end()
        raise ServiceError("queue_down", "our own Redis server does not start", "see run/redis.log in DATA_DIR")

    def look_after(self) -> None:
        """Start it again if it ended. Costs a question to it every few seconds."""
        now = time.monotonic()
        ended = self._process is not None and self._process.poll() is not None
        if not ended and now - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = now
        if ended or (self._process is None and not self.answers()):
            self._process = None
            LOG.error("Redis ended, is started again")
            try:
                self.start()
            except ServiceError as error:
                LOG.error("Redis is down", extra={"code": error.code, "cause": error.message})

    def stop(self) -> None:
        """End it, also one that was taken over."""
        if self._process is not None:
            self._end()
        elif self.answers():
            with suppress(RedisError):
                connect(self.url, patient=False).shutdown()
        if self._socket.parent != self._log.parent:
            shutil.rmtree(self._socket.parent, ignore_errors=True)

    def _end(self) -> None:
        if self._process is not None:
            stop_process(self._process, STOP_S)
            self._process = None

    def answers(self) -> bool:
        """Whether a server answers on the socket."""
        try:
            with connect(self.url, patient=False) as client:
                return bool(client.ping())
        except RedisError:
            return False

    def _run(self) -> bool:
        """Start the process; whether it came to answer. `_process` is None where it ended instead."""
        command = [self._program, "--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700"]
        command += ["--dir", str(self._folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
        command += ["--maxmemory-policy", "noeviction", "--daemonize", "no"]
        with self._log.open("wb") as output:
            self._process = start_process(command, output=output)
        last_look = time.monotonic() + START_S
        while time.monotonic() < last_look:
            if self.answers():
                return True
            if self._process.poll() is not None:
                self._process = None
                return False
            time.sleep(0.02)
        return False

    def _run_without_files(self) -> bool:
        """Start with no files, which are damaged in some way if that works; they are set aside then.

        Nothing is lost with them: what is to be trained on stands in the notes of the projects.
        """
        aside = self._folder.with_name(f"redis.damaged-{secrets.token_hex(4)}")
        self._folder.rename(aside)
        self._folder.mkdir()
        if self._run():
            LOG.error("the files of Redis are damaged and set aside, the queue starts empty", extra={"as": aside.name})
            return True
        self._end()
        shutil.rmtree(self._folder, ignore_errors=True)
        aside.rename(self._folder)  # the fault is another
        return False

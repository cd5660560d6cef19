"""The whole product as one command: starts Redis, worker and web server, keeps them running, ends them."""

from __future__ import annotations

import errno
import http.client
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from backend.errors import ServiceError, SettingsError
from backend.settings import Settings
from backend.supervise.child import Child
from backend.supervise.redis_server import RedisServer, find_program
from backend.versions.locks import Busy, locked

LOG = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
"""Where `_wsgi.py` and `gunicorn.conf.py` are."""

TICK_S = 0.3
PORT_PATIENCE_S = 3.0
"""A server that was killed a moment ago may hold the port a little longer."""

WEB_START_S = 60.0
MODEL_LOADS_S = 60.0

STOP_S = 33.0
"""For web and worker together; with Redis everything has ended within 40 s."""

WEB_TRIES = 3
"""A web server that ended this often before it ever answered will not get better."""

NO_REDIS = (
    "Training waits: no redis-server was found. Install it (apt-get install redis-server) and start again, "
    "or set REDIS_URL."
)

Notes = Callable[[Settings, str, int], list[str] | None]
"""Given the settings and the web server's host and port, what is to be said when the start is over; None: not yet."""


def supervise(settings: Settings, notes: Notes) -> int:
    """Run the product until SIGTERM or SIGINT; the exit status.

    Raises:
        SettingsError: `port_in_use`, `data_dir_locked`, `data_dir_unusable`.
    """
    with ExitStack() as held:
        stopping = held.enter_context(_stop_signals())
        held.enter_context(_own_data_dir(settings))
        _check_port(settings)
        redis = _start_redis(settings)
        if redis is not None:
            held.callback(redis.stop)
        children = _children(settings, redis)
        held.callback(_stop, children)
        return _run(settings, children, redis, notes, stopping)


class _Stopping:
    """Set by the first SIGTERM or SIGINT."""

    asked = False

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        self.asked = True


@contextmanager
def _stop_signals() -> Iterator[_Stopping]:
    stopping = _Stopping()
    before = {signum: signal.signal(signum, stopping) for signum in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopping
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextmanager
def _own_data_dir(settings: Settings) -> Iterator[None]:
    with ExitStack() as lock:
        try:
            lock.enter_context(locked(settings.data_dir / "run" / "supervisor.lock", patience_s=0))
        except Busy:
            message = "DATA_DIR is in use by another running backend"
            raise SettingsError("data_dir_locked", message, "stop it, or set another DATA_DIR") from None
        except OSError as error:
            message = f"DATA_DIR cannot be written: {error.strerror}"
            raise SettingsError("data_dir_unusable", message, "set DATA_DIR to a folder of yours") from None
        yield


def _check_port(settings: Settings) -> None:
    """Refuse a port that somebody listens on; the web server would try it again and again."""
    last_try = time.monotonic() + PORT_PATIENCE_S
    while (fault := _bind_fault(settings)) is not None:
        if fault.errno != errno.EADDRINUSE:
            raise SettingsError("bad_setting", f"HOST={settings.host!r}, PORT={settings.port}: {fault.strerror}")
        if time.monotonic() > last_try:
            raise SettingsError("port_in_use", f"port {settings.port} is in use", "set PORT to another one")
        time.sleep(TICK_S)


def _bind_fault(settings: Settings) -> OSError | None:
    """Why the web server could not listen at this moment; None when it can."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            return error
    return None


def _start_redis(settings: Settings) -> RedisServer | None:
    """Our own Redis, where one is needed and can be had."""
    if settings.redis_url:
        return None
    program = find_program()
    if program is None:
        _say(NO_REDIS)
        return None
    server = RedisServer(settings, program)
    try:
        server.start()
    except ServiceError as error:
        LOG.error("Redis is down", extra={"code": error.code, "cause": error.message})
    return server


def _children(settings: Settings, redis: RedisServer | None) -> list[Child]:
    """The web server and, where it has a queue, the worker."""
    env = {**os.environ, "DATA_DIR": str(settings.data_dir)}  # the same folder, wherever they run
    if redis is not None and redis.url != settings.queue_url:
        env["REDIS_URL"] = redis.url
    python = sys.executable
    web = [python, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "_wsgi:app"]
    children = [Child("web", web, cwd=ROOT, env=env)]
    if redis is not None or settings.redis_url:
        children.append(Child("worker", [python, "-m", "backend", "worker"], cwd=ROOT, env=env))
    return children


def _run(
    settings: Settings, children: list[Child], redis: RedisServer | None, notes: Notes, stopping: _Stopping
) -> int:
    greeting = _greet(settings, notes)
    while not stopping.asked:
        if redis is not None:
            redis.look_after()
        for child in children:
            child.look_after()
        if not next(greeting, True) and children[0].ends >= WEB_TRIES:
            _say("The web server does not start; the log says why.")
            return 1
        time.sleep(TICK_S)
    LOG.info("stopping")
    return 0


def _greet(settings: Settings, notes: Notes) -> Iterator[bool]:
    """Say when the start is over, a look at a time; yields whether the web server has ever answered.

    The children are looked after between two looks.
    """
    complain_at = time.monotonic() + WEB_START_S
    while not _answers(settings):
        if time.monotonic() > complain_at:
            complain_at = float("inf")
            _say("The web server does not answer yet; the log may say why.")
        yield False
    enough = time.monotonic() + MODEL_LOADS_S
    while (lines := notes(settings, *_address(settings))) is None and time.monotonic() < enough:
        yield True
    _tell(settings, lines or ["The model side is still loading; /health tells when it is ready."])


def _stop(children: list[Child]) -> None:
    deadline = time.monotonic() + STOP_S
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.stop(max(0.1, deadline - time.monotonic()))


def _address(settings: Settings) -> tuple[str, int]:
    """Where a program on this machine reaches the web server."""
    everywhere = {"0.0.0.0": "localhost", "::": "localhost"}
    return everywhere.get(settings.host, settings.host), settings.port


def _answers(settings: Settings) -> bool:
    """Whether the web server answers, well or not."""
    connection = http.client.HTTPConnection(*_address(settings), timeout=1)
    try:
        connection.request("GET", "/health")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _tell(settings: Settings, notes: list[str]) -> None:
    host, port = _address(settings)
    shown = f"[{host}]" if ":" in host else host
    lines = [
        "The backend is up. In Label Studio: project, Settings, Model, Connect Model, and as Backend URL",
        f"    http://{shown}:{port}",
        *notes,
    ]
    _say("\n".join(lines))


def _say(text: str) -> None:
    """A word to the person at the terminal; nobody may be there, or the disk that it goes to is full."""
    if sys.stdout is None:
        return
    try:
        print(text, flush=True)
    except (OSError, ValueError):
        # What could not be written stays in the buffer and would be tried again at the end, which then is a failure.
        sys.stdout = None

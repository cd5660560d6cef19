"""Settings of the web server; `gunicorn -c gunicorn.conf.py _wsgi:app` reads them.

One process of threads, and the application loaded in the worker (no preload): torch must not be forked.
"""

from collections.abc import Mapping
from typing import Protocol

from backend.errors import SettingsError
from backend.jobs.parent import end_with_parent
from backend.logs import gunicorn_logs
from backend.service.allocation import give_back, share_arenas
from backend.service.app import WEB_THREADS
from backend.settings import load_settings
from backend.supervise.outputs import open_standard_streams

open_standard_streams()
try:
    settings = load_settings()
except SettingsError as error:
    raise SystemExit(f"{error.message}; {error.hint}") from None

bind = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
worker_class = "backend.service.http_worker.HttpWorker"  # gthread, with errors of HTTP in JSON
workers = 1
threads = WEB_THREADS
timeout = 120
graceful_timeout = 30
keepalive = 5
preload_app = False
accesslog = None  # the application logs each request, without its query
errorlog = "-"
loglevel = settings.log_level.lower()
logconfig_dict = gunicorn_logs()
control_socket_disable = True  # nothing but HTTP

share_arenas()


class Process(Protocol):
    """What gunicorn tells of its processes."""

    pid: int


def post_fork(server: Process, worker: object) -> None:
    """Called by gunicorn in the process that answers, right after its fork.

    Left behind by a parent that was killed it would keep the port until its last request has ended.
    """
    end_with_parent(server.pid)


def post_request(worker: object, request: object, environ: Mapping[str, str], response: object) -> None:
    """Called by gunicorn when a request is answered."""
    if environ.get("PATH_INFO") == "/predict":
        give_back()

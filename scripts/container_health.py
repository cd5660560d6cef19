"""Health checks of the containers: `python -m scripts.container_health web|worker` ends with 0 or 1.

The web server is healthy when `/health` answers; where it asks for a password, that it asks is enough. The worker is
healthy while its heartbeat stands in Redis.
"""

from __future__ import annotations

import socket
import sys
from http import HTTPStatus
from urllib.error import HTTPError
from urllib.request import urlopen

from redis import Redis
from rq.worker import Worker

from backend.settings import Settings, load_settings

TIMEOUT_S = 5


def web_is_healthy(settings: Settings) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{settings.port}/health", timeout=TIMEOUT_S) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except HTTPError as error:
        return error.code == HTTPStatus.UNAUTHORIZED
    except OSError:
        return False


def worker_is_healthy(settings: Settings) -> bool:
    """Whether a worker of this container is registered; Redis forgets those that send no heartbeat."""
    with Redis.from_url(settings.queue_url, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S) as connection:
        return any(worker.hostname == socket.gethostname() for worker in Worker.all(connection=connection))


CHECKS = {"web": web_is_healthy, "worker": worker_is_healthy}

if __name__ == "__main__":
    sys.exit(0 if CHECKS[sys.argv[1]](load_settings()) else 1)

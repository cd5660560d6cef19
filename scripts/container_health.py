"""Health checks of the containers: `python -m scripts.container_health web|worker` ends with 0 or 1.

The web server is healthy when `/health` says so; the password of the settings is given. The worker is healthy while its
heartbeat stands in Redis.
"""

from __future__ import annotations

import socket
import sys
from base64 import b64encode
from urllib.request import Request, urlopen

from redis import Redis
from rq.worker import Worker

from backend.settings import Settings, load_settings

TIMEOUT_S = 5


def web_is_healthy(settings: Settings) -> bool:
    asked = Request(f"http://127.0.0.1:{settings.port}/health")
    if settings.basic_auth_user:
        credentials = f"{settings.basic_auth_user}:{settings.basic_auth_pass}".encode()
        asked.add_header("Authorization", f"Basic {b64encode(credentials).decode()}")
    try:
        with urlopen(asked, timeout=TIMEOUT_S):  # raises for every status of 400 or more
            return True
    except OSError:
        return False


def worker_is_healthy(settings: Settings) -> bool:
    """Whether a worker of this container is registered; Redis forgets those that send no heartbeat."""
    with Redis.from_url(settings.queue_url, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S) as connection:
        return any(worker.hostname == socket.gethostname() for worker in Worker.all(connection=connection))


CHECKS = {"web": web_is_healthy, "worker": worker_is_healthy}

if __name__ == "__main__":
    sys.exit(0 if CHECKS[sys.argv[1]](load_settings()) else 1)

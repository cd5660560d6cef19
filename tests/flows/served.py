"""The real web application of this process on a port of loopback, with a prediction side that answers at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.serving import make_server

from backend.service.app import create_app
from backend.service.services import EXTENSION
from backend.settings import Settings
from tests.service.stand_in import StandInPredictor


@contextmanager
def served(settings: Settings, port: int = 0) -> Iterator[int]:
    """The application with these settings, until the end of the block; its port.

    Args:
        port: to listen on; 0 for any.
    """
    app = create_app(settings, predictor_loader=StandInPredictor)
    server = make_server("127.0.0.1", port, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        app.extensions[EXTENSION].stop()

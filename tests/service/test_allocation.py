import os
import runpy
from pathlib import Path
from unittest.mock import Mock

import pytest

from backend.service.allocation import give_back

CHUNK_BYTES, CHUNKS = 100_000, 2000
"""Small enough for the library to keep them when they are freed."""
CONFIG = Path(__file__).parents[2] / "gunicorn.conf.py"


def held_bytes() -> int:
    """Memory that this process has from the system now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_what_is_free_goes_back_to_the_system() -> None:
    chunks = [bytearray(CHUNK_BYTES) for _ in range(CHUNKS)]
    del chunks[:-1]  # the last one keeps the library from giving back what lies below it
    kept = held_bytes()
    give_back()
    assert kept - held_bytes() > CHUNK_BYTES * CHUNKS / 2


@pytest.mark.parametrize(("path", "times"), [("/predict", 1), ("/health", 0), ("/webhook", 0)])
def test_the_web_server_does_so_after_each_prediction(path: str, times: int) -> None:
    after_request = runpy.run_path(str(CONFIG))["post_request"]
    given_back = after_request.__globals__["give_back"] = Mock()
    after_request(None, None, {"PATH_INFO": path}, None)
    assert given_back.call_count == times

"""A real decoder that a few files make fail, as a file could that meets a fault in a decoder's C code.

python -m tests.pages.failing_decoder      in place of backend.pages.decoder_process
"""

from __future__ import annotations

import ctypes
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from backend.errors import TaskError
from backend.pages import decoder_process
from backend.pages.decode import DecodedPage, decode_page


def crash() -> None:
    ctypes.string_at(0)


def spin() -> None:
    while True:
        pass


def take_memory() -> None:
    bytearray(100_000_000_000)


def try_what_is_forbidden() -> None:
    """What it can still do of what it must not, as the message of a refusal."""
    attempts: dict[str, Callable[[], object]] = {
        "read": lambda: Path("/etc/passwd").read_bytes(),
        "write": lambda: os.write(2, b"x") and os.open("/tmp/x", os.O_CREAT | os.O_WRONLY),
        "connect": lambda: socket.create_connection(("127.0.0.1", 9)),
        "start": lambda: os.posix_spawn("/bin/true", ["true"], {}),
        "environment": lambda: os.environ["LABEL_STUDIO_API_KEY"],
    }
    done = []
    for name, attempt in attempts.items():
        try:
            attempt()
            done.append(name)
        except (OSError, KeyError):
            pass
    raise TaskError("image_format", " ".join(done), " ".join(sorted(os.environ)))


def lie(head: bytes) -> None:
    os.write(0, len(head).to_bytes(4, "big") + head)


FAULTS: dict[bytes, Callable[[], object]] = {
    b"crash": crash,
    b"exit": lambda: os._exit(0),
    b"spin": spin,
    b"sleep": lambda: time.sleep(60),
    b"memory": take_memory,
    b"defect": lambda: 1 / 0,
    b"forbidden": try_what_is_forbidden,
    b"lie about the size": lambda: lie(b'{"width": 100000, "height": 100000, "format": "PNG", "pages": 1}'),
    b"lie without words": lambda: lie(b"{}"),
    b"lie in garbage": lambda: lie(b"\xff\xfe"),
}


def decode_or_fail(data: bytes, *, max_pixels: int) -> DecodedPage:
    if data in FAULTS:
        FAULTS[data]()
    return decode_page(data, max_pixels=max_pixels)


if __name__ == "__main__":
    decoder_process.decode_page = decode_or_fail
    decoder_process.main()

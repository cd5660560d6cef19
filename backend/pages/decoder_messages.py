"""What goes to and fro between this process and a decoder: a page's file and how it may be decoded; a page's pixels.

A request is `REQUEST` and the bytes of the file. An answer is `BEGUN` as soon as these are there, then `LENGTH`, as
many bytes of JSON, and where these tell of a page (`width`, `height`, `format`, `pages`) its pixels, three bytes each,
row by row. Where they tell of none it is the refusal (`code`, `message`, `hint`) or a defect (`defect`, traceback).
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator

REQUEST = struct.Struct(">QQd")
"""Bytes of the file, most pixels, seconds of processor time."""
LENGTH = struct.Struct(">I")
READY = b"ready\n"
"""What a decoder says first, once it has given up its rights."""
BEGUN = b"b"
PIXEL_BYTES = 3
BAND_PIXELS = 1 << 18


class Closed(Exception):
    """The other side has ended."""


def receive(channel: socket.socket, count: int, *, deadline: float | None = None) -> bytearray:
    """The next bytes.

    Args:
        deadline: on the monotonic clock; None: wait for ever.

    Raises:
        Closed: the other side ended before it had sent them all.
        TimeoutError: the deadline passed.
    """
    content = bytearray(count)
    left = memoryview(content)
    while left:
        _wait_until_at_most(channel, deadline)
        try:
            taken = channel.recv_into(left)
        except ConnectionError:
            taken = 0
        if not taken:
            raise Closed
        left = left[taken:]
    return content


def send(channel: socket.socket, *parts: bytes | memoryview, deadline: float | None = None) -> None:
    """Send some bytes; raises as `receive`."""
    for part in parts:
        _wait_until_at_most(channel, deadline)
        try:
            channel.sendall(part)
        except ConnectionError:
            raise Closed from None


def bands(width: int, height: int) -> Iterator[tuple[int, int]]:
    """The rows of a page in the pieces in which they are sent, so that no second copy of a large page is made.

    Yields:
        The first row of a band and the one after its last.
    """
    rows = max(1, BAND_PIXELS // width)
    for top in range(0, height, rows):
        yield top, min(top + rows, height)


def _wait_until_at_most(channel: socket.socket, deadline: float | None) -> None:
    if deadline is None:
        return
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError("the deadline has passed")
    channel.settimeout(left_s)

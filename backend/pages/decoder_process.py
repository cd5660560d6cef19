"""A decoder: a process that decodes one page after the other for the process that started it, and can do nothing else.

    python -m backend.pages.decoder_process      its standard input is the socket to that process

Decoders of image formats are large, are written in C and are given files by strangers. In here a crash, or memory or
time without bounds, costs one page. Before it has seen a byte the process opens no file and no connection any more.
"""

from __future__ import annotations

import json
import math
import os
import resource
import select
import signal
import socket
import threading
import traceback
from contextlib import suppress
from pathlib import Path

# What Pillow would import when it meets a file that needs it, while no file can be opened any more.
from PIL import (
    Image,
    ImageFile,
    ImagePalette,
    MpoImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    TiffTags,
    WebPImagePlugin,
)

from backend.errors import TaskError
from backend.pages.decode import DecodedPage, decode_page
from backend.pages.decoder_messages import BEGUN, LENGTH, READY, REQUEST, Closed, bands, receive, send

PRELOADED = (ImageFile, ImagePalette, MpoImagePlugin, PpmImagePlugin, TiffImagePlugin, TiffTags, WebPImagePlugin)

CHANNEL = 0
OPEN_FILES = 3  # the channel and the two outputs

OWN_BYTES = 500_000_000
"""Addresses of the interpreter, numpy and Pillow (110 MB), and what a decoder takes whatever the size of the page."""
FILE_COPIES = 2
DECODING_BYTES = 24
"""Most that a pixel takes while a page is decoded: four bytes for each copy in RGB, in floats or with transparency."""

IDLE_S = 120.0
"""A decoder that nobody needs any more ends; another is started within a fifth of a second."""


def main() -> None:
    """Serve requests until the other side closes the channel, or has none for a while."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is for the process that started this one
    channel = socket.socket(fileno=CHANNEL)
    Image.preinit()
    threading.Thread(target=_end_with_the_other_side, daemon=True).start()
    _give_up_rights()
    send(channel, READY)
    with suppress(Closed):
        while select.select([channel], [], [], IDLE_S)[0]:
            _serve(channel)


def _end_with_the_other_side() -> None:
    """Ends this process as soon as the other one has gone, also in the middle of a page.

    A parent-death signal would come too early: it is sent when the thread that started this process ends.
    """
    hang_up = select.poll()
    hang_up.register(CHANNEL, 0)
    hang_up.poll()
    os._exit(0)


def _give_up_rights() -> None:
    """From here on: no new file, socket, thread or process, nothing written, and first to go when memory runs out."""
    with suppress(OSError):  # no Linux, or not allowed: then this process is one among others
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
    ):
        resource.setrlimit(kind, (most, most))


def _serve(channel: socket.socket) -> None:
    file_bytes, max_pixels, cpu_s = REQUEST.unpack(receive(channel, REQUEST.size))
    _limit(resource.RLIMIT_AS, OWN_BYTES + FILE_COPIES * file_bytes + DECODING_BYTES * max_pixels)
    data = bytes(receive(channel, file_bytes))
    send(channel, BEGUN)
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + cpu_s))
    answer, page = _answer_to(data, max_pixels)
    head = json.dumps(answer).encode()
    send(channel, LENGTH.pack(len(head)), head)
    if page is not None:
        width, height = page.image.size
        for top, bottom in bands(width, height):
            send(channel, page.image.crop((0, top, width, bottom)).tobytes())


def _limit(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _answer_to(data: bytes, max_pixels: int) -> tuple[dict[str, object], DecodedPage | None]:
    try:
        page = decode_page(data, max_pixels=max_pixels)
    except TaskError as refusal:
        return {"code": refusal.code, "message": refusal.message, "hint": refusal.hint}, None
    except MemoryError:
        return {
            "code": "image_too_large",
            "message": "the image needs more memory to be decoded than one of its size may",
            "hint": "save it anew in another format, or raise MAX_MEGAPIXELS",
        }, None
    except Exception:  # the door of this process: its log is that of the other side
        return {"defect": traceback.format_exc()}, None
    width, height = page.image.size
    return {"width": width, "height": height, "format": page.file_format, "pages": page.pages}, page


if __name__ == "__main__":
    main()

"""PDF files: how many pages, and each as an image file with the words of its own text.

The file is read in a process of its own (`pdf_process.py`), which can write nothing and has bounds on memory and time.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.document.geometry import Box
from backend.document.page import Word
from backend.errors import RequestError, ServiceError
from backend.pages.decoder_messages import LENGTH, READY, Closed, receive, send

CPU_S = 60.0
"""Processor time for one page."""
TOTAL_S = 180.0
"""Longest wait for one page, whoever else is using the processor."""
START_S = 60.0
MOST_BYTES = 1_000_000_000
MOST_ANSWER_BYTES = 50_000_000
MOST_TEXT = 300
MODULE = "backend.pages.pdf_process"

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class PdfPageImage:
    """A page of a PDF as an image file.

    Attributes:
        number: counted from 1.
        png: the image file.
        words: from the PDF's own text, in pixels of the image; empty where the page is for OCR.
        why_not: why the text is not used, for people; empty where it is.
    """

    number: int
    png: bytes
    width: int
    height: int
    words: tuple[Word, ...]
    why_not: str


class Pdf:
    """One PDF while it is open; see `open_pdf`.

    Attributes:
        page_count: of the whole file.
    """

    def __init__(self, channel: socket.socket, process: subprocess.Popen[bytes], page_count: int) -> None:
        self._channel = channel
        self._process = process
        self.page_count = page_count

    def page(self, number: int, *, dpi: float, text: bool = True) -> PdfPageImage:
        """A page drawn with so many pixels an inch.

        Args:
            number: counted from 1.
            text: take the page's own text where it can be used.

        Raises:
            RequestError: `pdf_page_damaged` or `pdf_page_too_large`.
        """
        deadline = time.monotonic() + TOTAL_S
        try:
            _ask(self._channel, {"page": number - 1, "dpi": dpi, "cpu_s": CPU_S, "text": text}, deadline)
            answer = _answer(self._channel, deadline)
            png = bytes(receive(self._channel, int(answer["png"]), deadline=deadline))
            words = tuple(Word(str(text), Box(*map(float, corners)), 1.0) for text, *corners in answer["words"])
            size = int(answer["width"]), int(answer["height"])
        except (Closed, TimeoutError, ValueError, TypeError, KeyError) as fault:
            raise RequestError(
                "pdf_page_damaged",
                f"page {number} of the PDF cannot be drawn ({_end(self._process, fault)})",
                "open it in a PDF viewer and print it to a new PDF, or leave the page out with --pages",
            ) from None
        return PdfPageImage(number, png, *size, words, str(answer["why_not"])[:MOST_TEXT])


@contextmanager
def open_pdf(data: bytes, *, max_pixels: int) -> Iterator[Pdf]:
    """A PDF, open for the length of the block.

    Args:
        max_pixels: of a page, width x height.

    Raises:
        RequestError: `pdf_damaged`, `pdf_encrypted` or `pdf_too_large`.
        ServiceError: `decoder_not_started`.
    """
    if len(data) > MOST_BYTES:
        size = f"{len(data) / 1e6:.0f} MB, {MOST_BYTES / 1e6:.0f} MB are read"
        raise RequestError("pdf_too_large", f"the PDF has {size}", "split it into several files")
    channel, process = _started()
    with channel:
        try:
            yield Pdf(channel, process, _page_count(channel, process, data, max_pixels))
        finally:
            process.kill()
            process.wait()


def _started() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    channel, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", MODULE],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
        )
    try:
        if receive(channel, len(READY), deadline=time.monotonic() + START_S) != READY:
            raise Closed
    except (Closed, TimeoutError) as fault:
        end = _end(process, fault)
        channel.close()
        hint = "look for its last words above; memory, processes or open files may be short"
        raise ServiceError("decoder_not_started", f"the process that reads PDFs does not start ({end})", hint) from None
    return channel, process


def _page_count(channel: socket.socket, process: subprocess.Popen[bytes], data: bytes, max_pixels: int) -> int:
    deadline = time.monotonic() + TOTAL_S
    try:
        _ask(channel, {"bytes": len(data), "max_pixels": max_pixels}, deadline)
        send(channel, data, deadline=deadline)
        pages = int(_answer(channel, deadline)["pages"])
    except (Closed, TimeoutError, ValueError, TypeError, KeyError) as fault:
        message = f"the PDF cannot be opened ({_end(process, fault)})"
        raise RequestError("pdf_damaged", message, "print it to a new PDF with a PDF viewer") from None
    if pages < 1:
        raise RequestError("pdf_damaged", "the PDF has no pages", "download it again")
    return pages


def _ask(channel: socket.socket, request: dict[str, Any], deadline: float) -> None:
    content = json.dumps(request).encode()
    send(channel, LENGTH.pack(len(content)), content, deadline=deadline)


def _answer(channel: socket.socket, deadline: float) -> dict[str, Any]:
    """Raises: RequestError for a refusal; ValueError or TypeError for what is no answer."""
    [length] = LENGTH.unpack(receive(channel, LENGTH.size, deadline=deadline))
    if length > MOST_ANSWER_BYTES:
        raise ValueError("the answer is too long")
    answer: dict[str, Any] = json.loads(receive(channel, length, deadline=deadline))
    if "code" in answer:
        raise RequestError(*(str(answer[name])[:MOST_TEXT] for name in ("code", "message", "hint")))
    return answer


def _end(process: subprocess.Popen[bytes], fault: Exception) -> str:
    """What became of the process, for people; it is ended where it still runs."""
    if isinstance(fault, TimeoutError):
        process.kill()
        return "it takes too long"
    try:
        status = process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        return "nonsense was answered"
    if status == -signal.SIGXCPU:
        return "it takes too long"
    return f"its reader ended with {signal.Signals(-status).name if status < 0 else f'status {status}'}"

"""Image files decoded in processes of their own, which are started when they are needed and kept for the next page."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections import defaultdict
from pathlib import Path
from typing import Any

from PIL import Image

from backend.errors import ServiceError, TaskError
from backend.pages.decode import log_further_pages
from backend.pages.decoder_messages import BEGUN, LENGTH, PIXEL_BYTES, READY, REQUEST, Closed, bands, receive, send

LOG = logging.getLogger(__name__)

CPU_S = 30.0
"""Processor time for one page; a PNG of 100 megapixels takes about three seconds."""
TOTAL_S = 60.0
"""Longest wait for one page, whoever else is using the processor."""
START_S = 30.0
END_S = 5.0
MOST_HEAD_BYTES = 100_000
MOST_TEXT = 300

ROOT = Path(__file__).resolve().parents[2]
# Nothing of this process's environment, which holds tokens. One thread and one arena: decoders are to be small.
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1"}


class _Died(Exception):
    """A decoder ended, with this status, before it had answered; `had_page`: it had the whole file."""

    def __init__(self, status: int, *, had_page: bool = True) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.had_page = had_page


class Decoders:
    """Decodes pages in processes of their own, as many as ask at a time; safe to use from several threads.

    Args:
        cpu_s: most processor time for a page.
        total_s: longest time for a page.
        module: what a decoder runs.
    """

    def __init__(
        self,
        *,
        cpu_s: float = CPU_S,
        total_s: float = TOTAL_S,
        module: str = "backend.pages.decoder_process",
    ) -> None:
        self._cpu_s = cpu_s
        self._total_s = total_s
        self._module = module
        # By priority: a decoder has that of the thread that started it, and pages read ahead have a low one.
        self._idle: defaultdict[int, list[_Decoder]] = defaultdict(list)
        self._lock = threading.Lock()
        weakref.finalize(self, _end_all, self._idle)

    def decode(self, data: bytes, *, max_pixels: int) -> Image.Image:
        """The first page of an image file: mode RGB, upright, transparency on white.

        Args:
            max_pixels: width x height above which the file is refused; bounds the memory that its decoder may take.

        Raises:
            TaskError: as `decode_image`, `image_decoder_died` or `image_decode_timeout`.
            ServiceError: `decoder_not_started`.
        """
        deadline = time.monotonic() + self._total_s
        while True:
            decoder = self._taken()
            try:
                page = decoder.decode(data, max_pixels, self._cpu_s, deadline)
            except TaskError:
                self._give_back(decoder)
                raise
            except _Died as end:
                if decoder.has_answered and (end.status == 0 or not end.had_page):  # it went just when this page came
                    continue
                raise _without_page(end.status, decoder.pid) from None
            except TimeoutError:
                decoder.kill()
                raise _without_page(-signal.SIGXCPU, decoder.pid) from None
            except BaseException:  # somebody pressed ctrl-C: what it says next belongs to no page
                decoder.kill()
                raise
            self._give_back(decoder)
            return page

    def _taken(self) -> _Decoder:
        """The decoder used last of those that are idle, or a new one."""
        priority = os.getpriority(os.PRIO_PROCESS, 0)  # of this thread
        with self._lock:
            while self._idle[priority]:
                decoder = self._idle[priority].pop()
                if decoder.runs():
                    return decoder
        return _Decoder(self._module, priority)

    def _give_back(self, decoder: _Decoder) -> None:
        with self._lock:
            self._idle[decoder.priority].append(decoder)


class _Decoder:
    """One process and the channel to it; used by one thread at a time.

    Attributes:
        has_answered: for a page at least.

    Raises:
        ServiceError: `decoder_not_started`.
    """

    def __init__(self, module: str, priority: int) -> None:
        self.priority = priority
        self.has_answered = False
        self._channel, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-W", "ignore", "-m", module],
                    cwd=ROOT,
                    env=ENVIRONMENT,
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                )
            except OSError as fault:
                self._channel.close()
                raise _not_started(fault.strerror or type(fault).__name__) from fault
        try:
            if receive(self._channel, len(READY), deadline=time.monotonic() + START_S) != READY:
                raise Closed
        except (Closed, TimeoutError):
            raise _not_started(_end_text(self.kill())) from None

    @property
    def pid(self) -> int:
        return self._process.pid

    def decode(self, data: bytes, max_pixels: int, cpu_s: float, deadline: float) -> Image.Image:
        """The page that it makes of a file.

        Raises:
            TaskError: its refusal.
            TimeoutError: the deadline passed.
            _Died: it ended, or was ended because it did not answer as it should.
        """
        had_page = False
        try:
            send(self._channel, REQUEST.pack(len(data), max_pixels, cpu_s), data, deadline=deadline)
            had_page = receive(self._channel, len(BEGUN), deadline=deadline) == BEGUN
            [length] = LENGTH.unpack(receive(self._channel, LENGTH.size, deadline=deadline))
            if length > MOST_HEAD_BYTES:
                raise ValueError("the answer is too long")
            answer = json.loads(receive(self._channel, length, deadline=deadline))
            self.has_answered = True
            if (size := _size_in(answer, max_pixels)) is None:
                raise _refusal(answer)
            log_further_pages(str(answer["format"]), int(answer["pages"]))
            return self._page(size, deadline)
        except Closed:
            raise _Died(self.kill(after_s=END_S), had_page=had_page) from None
        except (ValueError, TypeError, KeyError) as fault:
            # What a file has taken over may say anything; nothing of it is believed.
            LOG.warning("a decoder answered nonsense", extra={"pid": self.pid, "cause": type(fault).__name__})
            raise _Died(self.kill() or 1) from None

    def _page(self, size: tuple[int, int], deadline: float) -> Image.Image:
        width, height = size
        page = Image.new("RGB", size)
        for top, bottom in bands(width, height):
            pixels = receive(self._channel, width * (bottom - top) * PIXEL_BYTES, deadline=deadline)
            page.paste(Image.frombytes("RGB", (width, bottom - top), pixels), (0, top))
        return page

    def runs(self) -> bool:
        """Whether the process is there; where it is not, nothing is left of it after this."""
        if self._process.poll() is None:
            return True
        self._channel.close()
        return False

    def kill(self, after_s: float = 0.0) -> int:
        """End the process and give its status.

        Args:
            after_s: how long it may take to end by itself.
        """
        self._channel.close()
        try:
            return self._process.wait(after_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def _size_in(answer: Any, max_pixels: int) -> tuple[int, int] | None:
    """Width and height of the page that an answer tells of; None where it tells of none.

    Raises:
        ValueError, TypeError or KeyError: it is no answer.
    """
    if "width" not in answer:
        return None
    width, height = int(answer["width"]), int(answer["height"])
    if width < 1 or height < 1 or width * height > max_pixels:
        raise ValueError("the page is larger than it may be")
    return width, height


def _refusal(answer: dict[str, str]) -> TaskError:
    if "defect" in answer:
        LOG.error("a decoder failed", extra={"code": "image_decoder_failed", "cause": answer["defect"]})
        return TaskError("image_decoder_failed", "a defect in the decoder of images; the log has the details")
    return TaskError(*(str(answer[name])[:MOST_TEXT] for name in ("code", "message", "hint")))


def _without_page(status: int, pid: int) -> TaskError:
    """The error of a page whose decoder has ended."""
    end = _end_text(status)
    if status == -signal.SIGXCPU:
        code, message = "image_decode_timeout", "the image takes too long to decode"
    else:
        code, message = "image_decoder_died", f"the image's decoder crashed ({end})"
    LOG.warning("a decoder was lost", extra={"code": code, "pid": pid, "cause": end})
    return TaskError(code, message, "the file is damaged or very unusual: open it in an image editor and save it anew")


def _not_started(cause: str) -> ServiceError:
    return ServiceError(
        "decoder_not_started",
        f"the process that decodes images does not start ({cause})",
        "look for its last words in the log; memory, processes or open files may be short",
    )


def _end_text(status: int) -> str:
    """How a process ended, such as `SIGSEGV` or `status 1`."""
    try:
        return signal.Signals(-status).name if status < 0 else f"status {status}"
    except ValueError:
        return f"signal {-status}"


def _end_all(idle: dict[int, list[_Decoder]]) -> None:
    for decoder in [decoder for decoders in idle.values() for decoder in decoders]:
        decoder.kill(after_s=END_S)

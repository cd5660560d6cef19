"""RapidOCR as an OCR engine (PP-OCR models in its wheel); the one module that meets `rapidocr`.

It reads noisy scans and photographs that Tesseract does not, at more than twice the cost.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from queue import Empty, LifoQueue

import numpy as np
from PIL import Image
from rapidocr import RapidOCR

from backend.document.geometry import Box
from backend.document.page import Word
from backend.errors import TaskError
from backend.ocr.scan import LEAST_READABLE_PX

LOG = logging.getLogger(__name__)

LONGEST_SHAPE = 12  # longer side to shorter one; the models enlarge the shorter side, and a strip without bounds
METHOD = 2  # number of the way in which this module reads; a change makes cached results void

PARAMETERS = {
    # A page is read by one thread, as with Tesseract: several pages are read at a time.
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Global.use_cls": False,  # pages are upright
    # Lines of a batch are padded to its widest, and to at least this width: with the library's 320 pixels and batches
    # of six, a third of the recognition is spent on padding.
    "Rec.rec_img_shape": [3, 48, 48],  # colours, height and least width of a line in pixels
    "Rec.rec_batch_num": 3,
    "Global.log_level": "error",
}


class RapidEngine:
    """Reads pages with RapidOCR; as many at a time as there are cores, each with models of its own."""

    def __init__(self) -> None:
        self._free: LifoQueue[RapidOCR] = LifoQueue()
        self._to_make = len(os.sched_getaffinity(0))
        self._making = threading.Lock()

    @cached_property
    def identity(self) -> str:
        """Engine, version and settings."""
        return f"rapidocr {version('rapidocr')} method {METHOD}"

    def read(self, image: Image.Image) -> list[Word]:
        """The words of an upright image, boxes in its pixels.

        Raises:
            TaskError: `ocr_failed` or `ocr_refused_size`: this image cannot be read.
        """
        if min(image.size) < LEAST_READABLE_PX:
            return []
        if max(image.size) > LONGEST_SHAPE * min(image.size):
            size = f"{image.width} x {image.height}"
            raise TaskError("ocr_refused_size", f"RapidOCR reads no strip of {size} pixels", "OCR_ENGINE=tesseract may")
        # (height, width, blue-green-red); OpenCV copies the whole page for each line that it cuts from a mere view.
        pixels = np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])
        with self._reader() as reader:
            try:
                read = reader(pixels, return_word_box=True)
            except Exception as error:  # the library raises whatever its parts raise
                LOG.exception("RapidOCR failed", extra={"code": "ocr_failed"})
                raise TaskError("ocr_failed", f"RapidOCR failed ({type(error).__name__})") from error
        if read.txts is None:
            return []  # its other lists hold one empty entry then
        return [
            word for line in read.word_results for text, score, corners in line if (word := _word(text, score, corners))
        ]

    @contextmanager
    def _reader(self) -> Iterator[RapidOCR]:
        """A set of models for this thread alone; made when all are in use, up to one for each core."""
        reader = self._made() or self._free.get()
        try:
            yield reader
        finally:
            self._free.put(reader)

    def _made(self) -> RapidOCR | None:
        """A free set or a new one; None when all there may be are in use."""
        with self._making:  # the library's set-up is not safe for threads
            try:
                return self._free.get_nowait()
            except Empty:
                if not self._to_make:
                    return None
            made = RapidOCR(params=PARAMETERS)
            self._to_make -= 1
            return made


def _word(text: str, score: float, corners: list[tuple[float, float]]) -> Word | None:
    """A word from its four corners; None for one without text or area."""
    across, down = [corner[0] for corner in corners], [corner[1] for corner in corners]
    box = Box(float(min(across)), float(min(down)), float(max(across)), float(max(down)))
    bare = "".join(text.split())
    return Word(bare, box, float(score)) if bare and box.area else None

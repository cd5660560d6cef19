"""RapidOCR as an OCR engine (PP-OCR models in its wheel); the one module that meets `rapidocr`.

It reads noisy scans and photographs that Tesseract does not, at more than twice the cost.
"""

from __future__ import annotations

import logging
import threading
from functools import cached_property
from importlib.metadata import version

import numpy as np
from PIL import Image
from rapidocr import RapidOCR

from backend.cores import cores_for_one
from backend.document.geometry import Box
from backend.document.page import Word
from backend.errors import TaskError
from backend.ocr.scan import LEAST_READABLE_PX, reduced

LOG = logging.getLogger(__name__)

LONGEST_SHAPE = 12  # longer side to shorter one; the models enlarge the shorter side, and a strip without bounds
METHOD = 2  # number of the way in which this module reads; a change makes cached results void

MOST_THREADS = 4  # a line is little work: more threads wait for each other
THREADS = "EngineConfig.onnxruntime.intra_op_num_threads"
PARAMETERS = {
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Global.use_cls": False,  # pages are upright
    # Lines of a batch are padded to its widest, and to at least this width: with the library's 320 pixels and batches
    # of six, a third of the recognition is spent on padding.
    "Rec.rec_img_shape": [3, 48, 48],  # colours, height and least width of a line in pixels
    "Rec.rec_batch_num": 3,
    "Global.log_level": "error",
}


class RapidEngine:
    """Reads pages with RapidOCR, in any thread: one that is read alone on several cores, each of several on one."""

    def __init__(self) -> None:
        self._readers: dict[int, RapidOCR] = {}  # by the threads that each page gets
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
        scan = reduced(image)
        pixels = np.ascontiguousarray(np.asarray(scan.convert("RGB"))[:, :, ::-1])
        try:
            read = self._reader()(pixels, return_word_box=True)
        except Exception as error:  # the library raises whatever its parts raise
            LOG.exception("RapidOCR failed", extra={"code": "ocr_failed"})
            raise TaskError("ocr_failed", f"RapidOCR failed ({type(error).__name__})") from error
        if read.txts is None:
            return []  # its other lists hold one empty entry then
        to_page = image.width / scan.width, image.height / scan.height
        return [
            word
            for line in read.word_results
            for text, score, corners in line
            if (word := _word(text, score, corners, to_page))
        ]

    def _reader(self) -> RapidOCR:
        """The models for a page that is begun now; they keep nothing of a page, so that threads can share them."""
        threads = min(MOST_THREADS, cores_for_one())
        with self._making:
            if threads not in self._readers:
                self._readers[threads] = RapidOCR(params=PARAMETERS | {THREADS: threads})
            return self._readers[threads]


def _word(text: str, score: float, corners: list[tuple[float, float]], to_page: tuple[float, float]) -> Word | None:
    """A word from its four corners; None for one without text or area.

    Args:
        to_page: how much larger the page is than what was read, across and down.
    """
    across, down = [corner[0] for corner in corners], [corner[1] for corner in corners]
    box = Box(float(min(across)), float(min(down)), float(max(across)), float(max(down)))
    box = box.scaled(*to_page)
    bare = "".join(text.split())
    return Word(bare, box, float(score)) if bare and box.area else None

"""Tesseract as an OCR engine; the one module that meets `pytesseract`."""

from __future__ import annotations

import csv
import subprocess
import time
from collections import ChainMap
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import pytesseract
from PIL import Image

from backend.cores import core_taken, cores_for_one
from backend.document.geometry import Box
from backend.document.page import Word
from backend.errors import ServiceError, TaskError
from backend.ocr.installed import MISSING_PROGRAM, missing_languages
from backend.ocr.program import ProgramFailed, ProgramMissing, run_program
from backend.ocr.scan import LEAST_READABLE_PX, Scan, to_scan
from backend.ocr.strips import two_strips

AUTO = "auto"
UNIFORM_BLOCK = "6"  # reads most words on forms and receipts, see docs/OCR.md
SPARSE_TEXT = "11"  # finds words that stand in no lines
LEAST_CERTAINTY = 20.0  # in letters, four or five words: a page with less is read a second time

# Thresholds of their own for each part of a page read shadowed receipts and those on a dark table; a single one for
# the whole page reads very faint print.
LOCAL_THRESHOLDS, ONE_THRESHOLD = "2", "0"
METHOD = 1  # number of the way in which this module and `scan` read; a change makes cached results void

WORD_LEVEL = 5  # of the table: page, block, paragraph, line, word
NOISE_CONFIDENCE = 0.5  # least of words without a letter or digit
LARGEST_HEIGHTS = 6.0  # in median word heights; unsure words that are higher are rules and pictures

# Tesseract's own threads fight over the cores and make it six times slower. The limit is for the child only: in this
# process's environment it would hold torch to one thread as well.
pytesseract.pytesseract.environ = ChainMap({"OMP_THREAD_LIMIT": "1"}, pytesseract.pytesseract.environ)


class TesseractEngine:
    """Reads pages with the `tesseract` program, one process for each reading.

    Attributes:
        languages: Tesseract's names, joined by `+`.
        page_segmentation: `auto` or the number of a mode.
        timeout_s: longest time for one page; the process is killed then, with all that it started.
        in_strips: read a page that is alone in two strips at once. Clean pages are read as well as whole ones, noisy
            ones a little worse, see docs/OCR.md. Results of both ways are kept alike, so `identity` does not tell it.
    """

    def __init__(
        self,
        languages: str = "eng",
        page_segmentation: str = AUTO,
        timeout_s: float = 60.0,
        *,
        in_strips: bool = False,
    ) -> None:
        self.languages = languages
        self.page_segmentation = page_segmentation
        self.timeout_s = timeout_s
        self.in_strips = in_strips and page_segmentation == AUTO  # other modes look at the whole page's layout

    @cached_property
    def identity(self) -> str:
        """Engine, version, languages and settings.

        Raises:
            ServiceError: `ocr_missing`: the program or a language is not installed.
        """
        if missing := check_ocr(self.languages):
            raise ServiceError("ocr_missing", "; ".join(missing))
        version = pytesseract.get_tesseract_version()
        return f"tesseract {version} {self.languages} {self.page_segmentation} method {METHOD}"

    def read(self, image: Image.Image) -> list[Word]:
        """The words of an upright image, boxes in its pixels.

        Raises:
            TaskError: `ocr_timeout`, `ocr_failed` or `ocr_refused_size`: this image cannot be read.
            ServiceError: `ocr_missing`: the program is not installed.
        """
        if min(image.size) < LEAST_READABLE_PX:
            return []
        ends = time.monotonic() + self.timeout_s
        scan = to_scan(image)
        words = self._first_words(scan, ends)
        if _certainty(words) >= LEAST_CERTAINTY:
            return words
        try:
            again = _plausible(self._words(scan, self._mode(SPARSE_TEXT), ONE_THRESHOLD, ends))
        except TaskError:
            return words
        return max(words, again, key=_certainty)

    def _first_words(self, scan: Scan, ends: float) -> list[Word]:
        def words(part: Scan) -> list[Word]:
            return self._words(part, self._mode(UNIFORM_BLOCK), LOCAL_THRESHOLDS, ends)

        strips = two_strips(scan) if self.in_strips and cores_for_one() > 1 else None
        if strips is None:
            return _plausible(words(scan))
        with core_taken(), ThreadPoolExecutor(len(strips)) as pool:
            return _plausible([word for strip in pool.map(words, strips) for word in strip])

    def _mode(self, automatic: str) -> str:
        return automatic if self.page_segmentation == AUTO else self.page_segmentation

    def _words(self, scan: Scan, mode: str, thresholding: str, ends: float) -> list[Word]:
        return _table_to_words(self._table(scan, mode, thresholding, ends), scan)

    def _table(self, scan: Scan, mode: str, thresholding: str, ends: float) -> list[dict[str, str]]:
        """Tesseract's table: one row for each page, block, paragraph, line and word, by the names of its columns."""
        left_s = ends - time.monotonic()
        if left_s <= 0:
            raise self._timeout()
        try:
            with TemporaryDirectory(prefix="ocr-") as folder:
                page, table = Path(folder) / "page.ppm", Path(folder) / "table"
                scan.image.save(page, "PPM")  # PNG costs as much as a small page's OCR
                command = [pytesseract.pytesseract.tesseract_cmd, str(page), str(table), "-l", self.languages]
                command += ["--psm", mode, "-c", f"thresholding_method={thresholding}", "-c", "tessedit_create_tsv=1"]
                run_program(command, timeout_s=left_s, environ=pytesseract.pytesseract.environ)
                lines = table.with_suffix(".tsv").read_text(encoding="utf-8").split("\n")
        except ProgramMissing:
            raise ServiceError("ocr_missing", MISSING_PROGRAM) from None
        except ProgramFailed as error:
            raise TaskError("ocr_failed", f"Tesseract failed: {_without_paths(str(error))}") from error
        except subprocess.TimeoutExpired as error:
            raise self._timeout() from error
        except (OSError, UnicodeDecodeError) as error:
            raise TaskError(
                "ocr_failed", f"Tesseract gave nothing that can be read ({type(error).__name__})"
            ) from error
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE, restval=""))

    def _timeout(self) -> TaskError:
        return TaskError(
            "ocr_timeout",
            f"OCR of the page took longer than {self.timeout_s:g} s",
            "raise OCR_TIMEOUT_S or use a smaller scan",
        )


def check_ocr(languages: str) -> list[str]:
    """A sentence for each thing that OCR in these languages (joined by `+`) lacks on this machine."""
    return missing_languages(languages, pytesseract.pytesseract.tesseract_cmd)


def _table_to_words(table: Sequence[Mapping[str, str]], scan: Scan) -> list[Word]:
    """The words of the table in pixels of the page, without empty ones.

    Raises:
        TaskError: the table is not one.
    """
    try:
        if not table:
            raise KeyError
        words = [row for row in table if int(row["level"]) == WORD_LEVEL and row["text"].strip()]
        return [
            Word("".join(row["text"].split()), box, min(1.0, max(0.0, int(float(row["conf"])) / 100)))
            for row in words
            if (box := _box_on_page(scan, *(int(row[side]) for side in ("left", "top", "width", "height")))).area > 0
        ]
    except (KeyError, ValueError, TypeError) as error:
        raise TaskError("ocr_failed", "Tesseract printed something that is not its table of words") from error


def _box_on_page(scan: Scan, left: float, top: float, width: float, height: float) -> Box:
    on_strip = Box(left, top, left + width, top + height).clipped(*scan.image.size)
    on_scan = Box(on_strip.left, on_strip.top + scan.top, on_strip.right, on_strip.bottom + scan.top)
    return on_scan.scaled(1 / scan.factor_x, 1 / scan.factor_y)


def _plausible(words: list[Word]) -> list[Word]:
    """The words without specks, rules and pictures that were taken for text."""
    if not words:
        return []
    highest = LARGEST_HEIGHTS * median(word.box.height for word in words)
    return [
        word
        for word in words
        if word.confidence >= NOISE_CONFIDENCE
        or (word.box.height <= highest and any(letter.isalnum() for letter in word.text))
    ]


def _certainty(words: list[Word]) -> float:
    """How many letters were read, each counted by its word's confidence."""
    return sum(word.confidence * len(word.text) for word in words)


def _without_paths(message: str) -> str:
    """An error of the program without places of this machine."""
    return " ".join(part for part in message.split() if "/" not in part)[:200]

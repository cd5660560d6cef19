"""A page's address to its words: fetched, decoded, OCRed, remembered by content."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from PIL import Image

from backend import timing
from backend.document.page import Page, PageRef
from backend.encoding.spec import PATCH_IMAGE_SIZE
from backend.ocr.cache import OcrCache
from backend.ocr.engine import OcrEngine, read_page
from backend.pages.decode import decode_image

Fetch = Callable[[PageRef], bytes]

READERS = len(os.sched_getaffinity(0))
"""Pages read at a time: OCR is a process of one thread each."""


class ReadsPages(Protocol):
    """Gives the pages that task data names."""

    def read(self, ref: PageRef, fetch: Fetch, *, picture: bool = False) -> Page: ...


@dataclass(frozen=True, slots=True)
class PageReader:
    """Reads pages with one OCR engine; the same for predicting, training and judging."""

    engine: OcrEngine
    cache: OcrCache
    max_pixels: int

    def read(self, ref: PageRef, fetch: Fetch, *, picture: bool = False) -> Page:
        """The page with its words; OCR runs only for bytes never seen before.

        Args:
            picture: also give the picture that visual models take.

        Raises:
            TaskError: the image cannot be fetched, decoded or read.
            ServiceError: Label Studio or the OCR program is missing or down.
        """
        with timing.step("fetch"):
            data = fetch(ref)
        return self.read_bytes(data, picture=picture)

    def read_bytes(self, data: bytes, *, picture: bool = False) -> Page:
        """As `read`, for an image file already at hand."""
        page = self.cache.get(data, self.engine.identity)
        timing.cache_asked(found=page is not None)
        if page is not None and not picture:
            return page
        with timing.step("decode"):
            image = decode_image(data, max_pixels=self.max_pixels)
        if page is None:
            with timing.step("ocr"):
                page = read_page(image, self.engine)
            self.cache.put(data, self.engine.identity, page)
        return replace(page, picture=model_picture(image)) if picture else page


class RememberedPages:
    """A reader that fetches no page twice as long as it lives, which is the time of a run and of those right after it.

    Args:
        reader: reads what is not remembered.
    """

    def __init__(self, reader: ReadsPages) -> None:
        self._reader = reader
        self._pages: dict[PageRef, Page] = {}

    def read(self, ref: PageRef, fetch: Fetch, *, picture: bool = False) -> Page:
        """As `PageReader.read`."""
        page = self._pages.get(ref)
        if page is None or (picture and page.picture is None):
            page = self._pages[ref] = self._reader.read(ref, fetch, picture=picture)
        return page


def model_picture(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """(3, 224, 224) uint8, the whole page squeezed, as LayoutLMv3 was trained to see it."""
    small = image.resize((PATCH_IMAGE_SIZE, PATCH_IMAGE_SIZE), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(small, dtype=np.uint8).transpose(2, 0, 1))

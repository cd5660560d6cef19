"""A page's address to its words: fetched, decoded, OCRed, remembered by content."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeGuard

import numpy as np

from backend import timing
from backend.cores import core_taken, cores
from backend.document.page import Page, PageRef
from backend.ocr.cache import OcrCache
from backend.ocr.engine import OcrEngine, read_page
from backend.pages.decoders import Decoders
from backend.pipelines.picture_file import PictureFile
from backend.pipelines.pictures import KeptPictures, model_picture
from backend.pipelines.turns import OneAtATime, Place, ReadingPlaces

Fetch = Callable[[PageRef], bytes]

READERS = cores()
"""Pages read at a time: OCR of a page keeps one core busy."""

DECODERS = Decoders()
"""Of this process, whoever reads; started with the first page."""


REMEMBERED_S = 600.0
"""How long a page that was fetched for a run is taken for what is at its address."""


class ReadsPages(Protocol):
    """Gives the pages that task data names."""

    def read(self, ref: PageRef, fetch: Fetch, *, picture: bool = False) -> Page: ...


@dataclass(frozen=True, slots=True)
class PageReader:
    """Reads pages with one OCR engine; the same for predicting, training and judging. Usable from any thread.

    Attributes:
        places: shared by the requests of a process.
        place: makes the context in which a page is decoded and read; by default every page finds one at once.
        decoders: shared like the places.
    """

    engine: OcrEngine
    cache: OcrCache
    max_pixels: int
    places: ReadingPlaces = field(default_factory=lambda: ReadingPlaces(READERS))
    place: Place = nullcontext
    decoders: Decoders = DECODERS
    _same_bytes: OneAtATime = field(default_factory=OneAtATime)

    @contextmanager
    def for_request(self) -> Iterator[PageReader]:
        """This reader as a request uses it: in turns with the other requests, page by page.

        Pages that still wait when the context ends are not read any more; a page that is being read is, and kept.
        """
        with self.places.request() as place:
            yield replace(self, place=place)

    def read(self, ref: PageRef, fetch: Fetch, *, picture: bool = False) -> Page:
        """The page with its words; OCR runs only for bytes never seen before.

        Args:
            picture: also give the picture that visual models take.

        Raises:
            TaskError: the image cannot be fetched, decoded or read.
            ServiceError: Label Studio or the OCR program is missing or down.
            RequestOver: the request that this reader is for ended before its turn.
        """
        with timing.step("fetch"):
            data = fetch(ref)
        return self.read_bytes(data, picture=picture)

    def read_bytes(self, data: bytes, *, picture: bool = False) -> Page:
        """As `read`, for an image file already at hand."""
        page = self._kept(data, picture)
        timing.cache_asked(found=page is not None)
        if _is_whole(page, picture):
            return page
        with self._same_bytes.alone(data):
            page = self._kept(data, picture)  # another request may have read it meanwhile
            if _is_whole(page, picture):
                return page
            with self.place():
                return self._read_anew(data, page, picture)

    def _kept(self, data: bytes, picture: bool) -> Page | None:
        """The page as far as it was kept: None without words, without its picture where there are only words."""
        page = self.cache.get(data, self.engine.identity)
        if page is None or not picture:
            return page
        return replace(page, picture=self._pictures.get(data))

    def _read_anew(self, data: bytes, page: Page | None, picture: bool) -> Page:
        """What `page` lacks, read from the image and kept."""
        with timing.step("decode"):
            image = self.decoders.decode(data, max_pixels=self.max_pixels)
            small = model_picture(image) if picture else None
        if page is None:
            with timing.step("ocr"), core_taken():
                page = read_page(image, self.engine)
            self.cache.put(data, self.engine.identity, page)
        if small is not None:
            self._pictures.put(data, small)
        return replace(page, picture=small)

    @property
    def _pictures(self) -> KeptPictures:
        return KeptPictures(self.cache.folder)


def _is_whole(page: Page | None, picture: bool) -> TypeGuard[Page]:
    return page is not None and not (picture and page.picture is None)


class RememberedPages:
    """A reader that fetches no page twice within some minutes, for a run and those right after it.

    After that time a page is fetched anew, because there may be another image at its address by now. Pictures, which
    make up most of a page, are left to a file.

    Args:
        reader: reads what is not remembered.
        life_s: how long a page is believed to be what it was.
    """

    def __init__(self, reader: ReadsPages, life_s: float = REMEMBERED_S) -> None:
        self._reader = reader
        self._life_s = life_s
        self._pages: dict[PageRef, Page] = {}
        self._read_at: dict[PageRef, float] = {}  # monotonic
        self._pictures = PictureFile()

    def read(self, ref: PageRef, fetch: Fetch, *, picture: bool = False) -> Page:
        """As `PageReader.read`."""
        known = self._pages.get(ref)
        is_fresh = time.monotonic() < self._read_at.get(ref, -self._life_s) + self._life_s
        if is_fresh and _is_whole(known, picture):
            return known
        began = time.monotonic()
        had_picture = known is not None and known.picture is not None
        page = self._reader.read(ref, fetch, picture=picture or had_picture)
        self._read_at[ref] = began
        if known is not None and _is_same(known, page):
            return known
        if page.picture is not None:
            page = replace(page, picture=self._pictures.keep(page.picture))
        self._pages[ref] = page
        return page


def _is_same(known: Page, page: Page) -> bool:
    """Whether a page that was read again is as it was."""
    if known.picture is None or page.picture is None:
        return known == page and known.picture is page.picture
    return known == page and np.array_equal(known.picture, page.picture)

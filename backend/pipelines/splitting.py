"""PDF files to page images and tasks; the text that a PDF has is kept, so that no OCR is needed for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.document.page import Page
from backend.errors import RequestError
from backend.ocr.cache import OcrCache
from backend.ocr.segments import arrange
from backend.pages.pdf import Pdf, PdfPageImage, open_pdf

Json = dict[str, Any]

MOST_PAGES = 1000
"""Of one file, unless pages are chosen."""
DOCUMENT_KEY, PAGE_KEY = "document", "page"
"""Keys of the task's data that tell people where a page is from."""

Keep = Callable[[str, bytes], str]
"""Puts an image file somewhere, under a name; gives its address for the task's data."""


@dataclass(frozen=True, slots=True)
class Splitting:
    """How PDF files are split.

    Attributes:
        cache: where the text of pages is kept.
        keep: what becomes of the images.
        key: of the task's data, for the image or the list of images.
        listed: the key holds a list of images (`valueList`).
        task_per_file: all pages of a file in one task, instead of a task for each page; only where they are listed.
        dpi: pixels an inch.
        pages: which pages, such as `1-3,7`; all where it is empty.
        text: use the text that pages have; OCR reads all of them otherwise.
        max_pixels, max_image_bytes: of an image that the backend takes later on.
    """

    cache: OcrCache
    keep: Keep
    key: str
    listed: bool
    task_per_file: bool
    dpi: float
    max_pixels: int
    max_image_bytes: int
    pages: str = ""
    text: bool = True


@dataclass(frozen=True, slots=True)
class SplitFile:
    """What became of a file.

    Attributes:
        tasks: as they are imported.
        for_ocr: why, by page number counted from 1, OCR will read a page.
    """

    name: str
    tasks: tuple[Json, ...]
    page_count: int
    for_ocr: dict[int, str]


def split_pdf(path: Path, data: bytes, how: Splitting, tell: Callable[[int, int], None]) -> SplitFile:
    """A PDF file as tasks.

    Args:
        data: its content.
        tell: told how many pages are done, of how many.

    Raises:
        RequestError: the file or a page of it cannot be used, with what to do about it; no task is made.
    """
    urls: dict[int, str] = {}
    for_ocr: dict[int, str] = {}
    try:
        with open_pdf(data, max_pixels=how.max_pixels) as pdf:
            numbers = page_numbers(how.pages, pdf.page_count)
            for done, page in enumerate(_drawn(pdf, numbers, how), start=1):
                urls[page.number] = how.keep(image_name(path.stem, page.number), page.png)
                if page.why_not:
                    for_ocr[page.number] = page.why_not
                tell(done, len(numbers))
    except RequestError as error:
        raise RequestError(error.code, f"{path.name}: {error.message}", error.hint) from error
    return SplitFile(path.name, tuple(_tasks(path.name, urls, how)), len(urls), for_ocr)


def page_numbers(wanted: str, count: int) -> list[int]:
    """The numbers of the wanted pages, from 1 on, in their order.

    Args:
        wanted: such as `1-3,7,9-`; empty for all.

    Raises:
        RequestError: `bad_pages`, or `pdf_too_many_pages` where none are chosen.
    """
    if not wanted.strip():
        if count > MOST_PAGES:
            hint = f"take them in parts: --pages 1-{MOST_PAGES}, then the next"
            raise RequestError("pdf_too_many_pages", f"it has {count} pages, {MOST_PAGES} are split at a time", hint)
        return list(range(1, count + 1))
    chosen: set[int] = set()
    for part in wanted.split(","):
        found = re.fullmatch(r"\s*(\d{1,6})\s*(-)?\s*(\d{1,6})?\s*", part, re.ASCII)
        first = int(found[1]) if found else 0
        last = int(found[3]) if found and found[3] else (count if found and found[2] else first)
        if found is None or (found[3] and not found[2]) or not 1 <= first <= last <= count:
            raise RequestError("bad_pages", f"--pages {part.strip()!r} of {count} pages", "write such as 1-3,7,9-")
        chosen.update(range(first, last + 1))
    if len(chosen) > MOST_PAGES:
        raise RequestError(
            "pdf_too_many_pages", f"{len(chosen)} pages, {MOST_PAGES} are split at a time", "choose less"
        )
    return sorted(chosen)


def image_name(stem: str, number: int) -> str:
    """The name of a page's image file; safe in addresses."""
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '_', stem)[:80] or 'document'}-{number:04}.png"


def _drawn(pdf: Pdf, numbers: Sequence[int], how: Splitting) -> Iterator[PdfPageImage]:
    """The pages, with their text kept for those who read the images later."""
    for number in numbers:
        page = pdf.page(number, dpi=how.dpi, text=how.text)
        if len(page.png) > how.max_image_bytes:
            size = f"an image of {len(page.png) / 1e6:.0f} MB, of {how.max_image_bytes / 1e6:.0f} MB that are read"
            raise RequestError("image_too_large", f"page {number} makes {size}", "lower --dpi, or raise MAX_IMAGE_MB")
        if page.why_not:
            how.cache.forget_known(page.png)
        else:
            how.cache.put_known(page.png, Page(page.width, page.height, arrange(page.words)))
        yield page


def _tasks(name: str, urls: dict[int, str], how: Splitting) -> Iterator[Json]:
    if how.task_per_file:
        yield {"data": {DOCUMENT_KEY: name, how.key: list(urls.values())}}
        return
    for number, url in urls.items():
        yield {"data": {DOCUMENT_KEY: name, PAGE_KEY: number, how.key: [url] if how.listed else url}}

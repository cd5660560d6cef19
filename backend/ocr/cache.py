"""What OCR read, kept by content: one JSON file for each image and engine.

An image that was made from a page whose text was known needs no OCR: its words are kept under the name of no engine,
and found whichever engine is asked for.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from pathlib import Path

from backend.document.geometry import Box
from backend.document.page import Page, Word
from backend.ocr.segments import arrange

FORMAT = 1
KNOWN_TEXT = "known text"
"""Stands in place of an engine's identity for words that nobody had to read."""

log = logging.getLogger(__name__)


class OcrCache:
    """Pages on disk, shared by every process that is given the same folder.

    The words are kept as read and arranged anew when they are taken out, so that a better reading order reaches pages
    that were read before.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, data: bytes, engine_identity: str) -> Page | None:
        """The page whose text was known, else the one that this engine read from these bytes of an image file.

        Returns:
            None where there is neither yet.
        """
        content = hashlib.sha256(data).digest()
        known = self._kept(self._path(content, KNOWN_TEXT))
        return known or self._kept(self._path(content, engine_identity))

    def put(self, data: bytes, engine_identity: str, page: Page) -> None:
        """Keep a page. A full or read-only disk costs the next reader time, never this one its answer."""
        path = self._path(hashlib.sha256(data).digest(), engine_identity)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(path, _bytes_of(page))
        except OSError as error:
            log.warning("an OCR result could not be kept", extra={"entry": path.name, "reason": error.strerror})

    def put_known(self, data: bytes, page: Page) -> None:
        """Keep a page whose text is known; what an engine reads from the same bytes does not count beside it."""
        self.put(data, KNOWN_TEXT, page)

    def forget_known(self, data: bytes) -> None:
        """Leave these bytes to OCR again."""
        self._path(hashlib.sha256(data).digest(), KNOWN_TEXT).unlink(missing_ok=True)

    def _kept(self, path: Path) -> Page | None:
        try:
            return _page_of(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError):
            log.warning("a damaged OCR result is read anew", extra={"entry": path.name})
            return None

    def _path(self, content: bytes, engine_identity: str) -> Path:
        """Where a page is kept; `content` is the digest of the image file."""
        key = hashlib.sha256(content + engine_identity.encode()).hexdigest()
        return self.folder / key[:2] / f"{key}.json"


def _bytes_of(page: Page) -> bytes:
    words = [
        [word.text, word.box.left, word.box.top, word.box.right, word.box.bottom, word.confidence]
        for word in page.words
    ]
    content = {"format": FORMAT, "width": page.width, "height": page.height, "words": words}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _page_of(content: bytes) -> Page:
    """Raises: ValueError, TypeError or KeyError where the content is not a page."""
    entry = json.loads(content)
    if entry["format"] != FORMAT:
        raise ValueError(f"format {entry['format']} is not {FORMAT}")
    words = [
        Word(str(text), Box(float(left), float(top), float(right), float(bottom)), float(confidence))
        for text, left, top, right, bottom, confidence in entry["words"]
    ]
    return Page(int(entry["width"]), int(entry["height"]), arrange(words))


def _write_whole(path: Path, content: bytes) -> None:
    """Write aside and rename, so that readers meet the whole file or none."""
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(aside, path)
    except OSError:
        Path(aside).unlink(missing_ok=True)
        raise

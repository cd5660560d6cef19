"""The small picture of a page that visual models take, kept beside the words that OCR read on it.

An A4 scan takes 60 ms to decode and to squeeze again, a fifth of a base-size model's time for the page; its picture
takes less than one to read back.
"""

from __future__ import annotations

import hashlib
import io
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.encoding.spec import PATCH_IMAGE_SIZE
from backend.versions.files import write_atomic

LOG = logging.getLogger(__name__)

METHOD = 1  # number of the way in which `model_picture` makes them; a change makes kept ones void

Picture = NDArray[np.uint8]


def model_picture(image: Image.Image) -> Picture:
    """(3, 224, 224) uint8, the whole page squeezed, as LayoutLMv3 was trained to see it."""
    return _as_array(image.resize((PATCH_IMAGE_SIZE, PATCH_IMAGE_SIZE), Image.Resampling.BILINEAR))


def _as_array(small: Image.Image) -> Picture:
    return np.ascontiguousarray(np.asarray(small, dtype=np.uint8).transpose(2, 0, 1))


@dataclass(frozen=True, slots=True)
class KeptPictures:
    """Pictures on disk by the content of the image file, without loss: some 15 KB each."""

    folder: Path

    def get(self, data: bytes) -> Picture | None:
        """The picture of an image file; None where there is none yet, or none that can be read."""
        try:
            with Image.open(self._path(data), formats=("WEBP",)) as small:
                if small.size == (PATCH_IMAGE_SIZE, PATCH_IMAGE_SIZE):
                    return _as_array(small.convert("RGB"))
        except (OSError, ValueError, SyntaxError):
            pass
        return None

    def put(self, data: bytes, picture: Picture) -> None:
        """Keep a picture. A full or read-only disk costs the next reader time, never this one its answer."""
        content = io.BytesIO()
        small = Image.fromarray(picture.transpose(1, 2, 0))
        small.save(content, "WEBP", lossless=True, quality=0, method=0)
        path = self._path(data)
        try:
            write_atomic(path, content.getvalue(), durable=False)
        except OSError as error:
            LOG.warning("a page's picture could not be kept", extra={"entry": path.name, "reason": error.strerror})

    def _path(self, data: bytes) -> Path:
        key = hashlib.sha256(hashlib.sha256(data).digest() + f"picture {METHOD}".encode()).hexdigest()
        return self.folder / key[:2] / f"{key}.webp"

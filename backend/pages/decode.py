"""Bytes of an image file to an upright RGB page, as a browser shows it."""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageChops, UnidentifiedImageError

from backend.errors import TaskError

logger = logging.getLogger(__name__)

# Nothing else is ever given to a decoder, whatever Pillow is able to read.
FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP")

# First bytes of the six formats: such a file that cannot be opened is damaged, not foreign.
_OWN_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"II*\0", b"MM\0*", b"RIFF", b"GIF8", b"BM")
_FOREIGN_MAGIC = (
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"8BPS", "PSD"),
    (b"\0\0\1\0", "ICO"),
    (b"DDS ", "DDS"),
    (b"SIMPLE", "FITS"),
    (b"\xd7\xcd\xc6\x9a", "WMF"),
    (b"\xd0\xcf\x11\xe0", "FPX"),
    (b"\0\0\0\x0cjP", "JPEG 2000"),
    (b"\0\0\0\x0cJXL", "JPEG XL"),
    (b"P4\n", "PBM"),
    (b"P5\n", "PGM"),
    (b"P6\n", "PPM"),
    (b"\x0a\x05\x01", "PCX"),
    (b"\x01\xda", "SGI"),
)
_HINTS = {"PDF": "make page images of it: python -m backend split"}

# What Pillow raises for files that are damaged inside, apart from OSError.
_DAMAGE = (SyntaxError, struct.error, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError)

_ORIENTATION_TAG = 0x0112
# Browsers obey EXIF in JPEG and PNG and nothing else (Chromium: not in WebP, and no XMP); boxes must match the editor.
# MPO is what Pillow calls a JPEG with further pictures behind it, as telephones write them.
_TURNED_BY_BROWSERS = ("JPEG", "MPO", "PNG")
# Where counting the pages of a file loses those pixels of the first one that were not copied.
_COUNTED_BY_SEEKING = ("TIFF", "GIF")
_TRANSPOSED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class DecodedPage:
    """The first page of an image file.

    Attributes:
        image: mode RGB, upright, transparency on white.
        file_format: as Pillow names it.
        pages: how many the file has.
    """

    image: Image.Image
    file_format: str
    pages: int


def decode_image(data: bytes, *, max_pixels: int) -> Image.Image:
    """The first page of an image file, decoded in this process: mode RGB, upright, transparency on white.

    Raises:
        TaskError: as `decode_page`.
    """
    page = decode_page(data, max_pixels=max_pixels)
    log_further_pages(page.file_format, page.pages)
    return page.image


def decode_page(data: bytes, *, max_pixels: int) -> DecodedPage:
    """The first page of an image file.

    Args:
        max_pixels: width x height above which the file is refused, by its header, before any pixel is decoded.

    Raises:
        TaskError: `image_empty`, `image_not_image`, `image_format`, `image_truncated` or `image_too_large`.
    """
    if not data:
        raise TaskError("image_empty", "the image file is empty")
    image = _opened(data, max_pixels)
    if image.width * image.height > max_pixels:
        raise _too_large(f"{image.width} x {image.height} pixels", max_pixels)
    try:
        image.load()
    except (OSError, *_DAMAGE) as fault:
        raise _damaged(fault, image.format or "image", max_pixels) from fault
    return DecodedPage(_upright(_to_rgb(image), image), image.format or "image", _pages_of(image))


def log_further_pages(file_format: str, pages: int) -> None:
    """Tell the log where a file has more pages than the one that is used."""
    if pages > 1:
        logger.info("only the first page of an image file is used", extra={"pages": pages, "format": file_format})


def _opened(data: bytes, max_pixels: int) -> Image.Image:
    # Pillow's own guard acts before a decoder takes memory, at twice this value; the exact limit is the caller's.
    Image.MAX_IMAGE_PIXELS = max_pixels
    try:
        return Image.open(BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise _unreadable(data) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large("its size", max_pixels) from None
    except (OSError, *_DAMAGE) as fault:
        raise _damaged(fault, "image", max_pixels) from fault


def _damaged(fault: Exception, kind: str, max_pixels: int) -> TaskError:
    # Pillow names its limits on the compressed text chunks of a PNG in a bare ValueError.
    if "MAX_TEXT" in str(fault):
        return _too_large("its metadata", max_pixels)
    return _truncated(kind)


def _too_large(what: str, max_pixels: int) -> TaskError:
    return TaskError(
        "image_too_large",
        f"the image is too large ({what}; the limit is {max_pixels / 1e6:g} megapixels)",
        "scale the image down, or raise MAX_MEGAPIXELS",
    )


def _truncated(kind: str) -> TaskError:
    return TaskError("image_truncated", f"the {kind} file is damaged or cut off", "upload the file again")


def _unreadable(data: bytes) -> TaskError:
    """The error for bytes that are none of the six formats, naming what they are instead."""
    allowed = ", ".join(FORMATS)
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for magic, name in (*_FOREIGN_MAGIC, (b"<svg", "SVG")):
        if data.startswith(magic) or start.startswith(magic):
            return TaskError("image_format", f"the file is {name}, not one of {allowed}", _HINTS.get(name, ""))
    if b"<svg" in start:
        return TaskError("image_format", f"the file is SVG, not one of {allowed}")
    if data[4:8] == b"ftyp":
        return TaskError("image_format", f"the file is HEIC, AVIF or a video, not one of {allowed}")
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or b"<html" in start:
        return TaskError(
            "image_not_image",
            "the answer is HTML, not an image; is the token missing?",
            "check LABEL_STUDIO_API_KEY and the address of the image",
        )
    if data.startswith(_OWN_MAGIC):
        return _truncated("image")
    text = "text" if start.isascii() and start.decode("ascii").isprintable() else "of an unknown format"
    return TaskError("image_not_image", f"the file is {text}, not an image")


def _to_rgb(image: Image.Image) -> Image.Image:
    """It in RGB: deep greys scaled instead of clipped, transparency flattened on white."""
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        return Image.fromarray(_grey_to_bytes(image)).convert("RGB")
    if image.mode == "LAB":
        return image.getchannel(0).convert("RGB")
    if image.has_transparency_data:
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
        white = Image.new("RGB", layer.size, "white")
        white.paste(layer, mask=layer)
        return white
    if image.mode == "CMYK" and image.format in ("JPEG", "MPO") and "adobe" not in image.info:
        image = ImageChops.invert(image)  # Pillow takes every JPEG's inks for inverted, as Adobe's are
    if image.mode == "RGB" and image.format not in _COUNTED_BY_SEEKING:
        return image
    return image.convert("RGB")  # a copy, where it is RGB already


def _grey_to_bytes(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """(H, W) uint8; sixteen bits are divided by 257, wider integers and floats by what their largest value needs."""
    if image.mode.startswith("I;16"):
        return (np.asarray(image) // 257).astype(np.uint8)
    values = np.array(image, dtype=np.float32)
    np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    largest = float(values.max())
    unit_range = image.mode == "F" and largest <= 1
    full = 1.0 if unit_range else next((limit for limit in (255.0, 65535.0) if largest <= limit), largest)
    np.clip(values, 0, full, out=values)
    values *= 255 / full
    return np.rint(values, out=values).astype(np.uint8)


def _upright(page: Image.Image, source: Image.Image) -> Image.Image:
    exif = source.info.get("exif")
    if source.format not in _TURNED_BY_BROWSERS or not isinstance(exif, bytes):
        return page
    tags = Image.Exif()
    try:
        tags.load(exif)
        method = _TRANSPOSED.get(tags.get(_ORIENTATION_TAG, 1))
    except (OSError, *_DAMAGE):
        return page
    return page if method is None else page.transpose(method)


def _pages_of(image: Image.Image) -> int:
    try:
        return getattr(image, "n_frames", 1)
    except (OSError, *_DAMAGE):
        return 1

"""Bytes to upright RGB pages."""

from __future__ import annotations

import random
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from backend.errors import TaskError
from backend.pages.decode import FORMATS, decode_image

# Pillow warns of what it finds in damaged and in very large files; these tests are full of both.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")

LIMIT = 1_000_000


def scene() -> Image.Image:
    """A small picture whose four corners differ."""
    picture = Image.linear_gradient("L").resize((60, 40)).convert("RGB")
    for color, corner in (("red", (0, 0)), ("blue", (50, 0)), ("black", (0, 30)), ("yellow", (50, 30))):
        picture.paste(color, (*corner, corner[0] + 10, corner[1] + 10))
    return picture


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with these chunks after its header."""
    header = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (header, *chunks, (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + body


def code_of(data: bytes, max_pixels: int = LIMIT) -> str:
    with pytest.raises(TaskError) as refusal:
        decode_image(data, max_pixels=max_pixels)
    return refusal.value.code


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of two pictures of one size, in grey levels."""
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean())


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_gives_the_picture(kind: str) -> None:
    page = decode_image(saved(scene(), kind), max_pixels=LIMIT)

    assert (page.mode, page.size) == ("RGB", (60, 40))
    assert difference(page, scene()) < 6


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.97])
def test_IN06_a_cut_file_is_never_a_half_grey_page(kind: str, share: float) -> None:
    data = saved(Image.effect_noise((60, 40), 90).convert("RGB"), kind)

    assert code_of(data[: int(len(data) * share)]) == "image_truncated"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "MPO"])
@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
        (3, Image.Transpose.ROTATE_180),
        (4, Image.Transpose.FLIP_TOP_BOTTOM),
        (5, Image.Transpose.TRANSPOSE),
        (6, Image.Transpose.ROTATE_90),
        (7, Image.Transpose.TRANSVERSE),
        (8, Image.Transpose.ROTATE_270),
    ],
)
def test_IN14_a_turned_photograph_is_upright(kind: str, orientation: int, stored: Image.Transpose) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    further = {"save_all": True, "append_images": [scene()]} if kind == "MPO" else {}

    page = decode_image(saved(scene().transpose(stored), kind, exif=exif, **further), max_pixels=LIMIT)

    assert page.size == (60, 40)
    assert difference(page, scene()) < 6


def test_IN14_webp_is_not_turned_as_browsers_do_not_turn_it() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6

    assert decode_image(saved(scene(), "WEBP", exif=exif), max_pixels=LIMIT).size == (60, 40)


@pytest.mark.parametrize(
    "exif", [b"", b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"]
)
def test_IN30_broken_exif_is_ignored(exif: bytes) -> None:
    assert decode_image(saved(scene(), "JPEG", exif=exif), max_pixels=LIMIT).size == (60, 40)


def test_IN30_broken_colour_profile_is_ignored() -> None:
    page = decode_image(saved(scene(), "PNG", icc_profile=b"no profile at all"), max_pixels=LIMIT)

    assert difference(page, scene()) == 0


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "I;16"), ("TIFF", "I;16"), ("TIFF", "I;16B"), ("TIFF", "I")])
def test_IN12_sixteen_bits_are_scaled_not_clipped(kind: str, mode: str) -> None:
    values = np.array([[0, 40_000, 65_535]], dtype=">u2" if mode == "I;16B" else "<u2")
    grey = Image.frombytes(mode, (3, 1), values.astype("<i4").tobytes() if mode == "I" else values.tobytes())

    page = decode_image(saved(grey, kind), max_pixels=LIMIT)

    assert np.asarray(page)[0, :, 0].tolist() == pytest.approx([0, 155, 255], abs=1)


@pytest.mark.parametrize("full", [1.0, 255.0, 65535.0, 1e6])
def test_IN15_floats_are_scaled_by_their_range(full: float) -> None:
    grey = Image.fromarray(np.array([[0.0, full / 2, full, np.nan, -1.0]], dtype=np.float32))

    page = decode_image(saved(grey, "TIFF"), max_pixels=LIMIT)

    assert np.asarray(page)[0, :, 0].tolist() == pytest.approx([0, 127, 255, 0, 0], abs=1)


def test_IN13_inverted_cmyk_gives_the_colours() -> None:
    data = saved(scene().convert("CMYK"), "JPEG", quality=95)

    assert b"Adobe" in data
    assert difference(decode_image(data, max_pixels=LIMIT), scene()) < 6


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_IN15_transparency_lies_on_white(mode: str) -> None:
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), (0, 0, 2, 4))

    page = decode_image(saved(clear.convert(mode), "TIFF" if mode == "LA" else "PNG"), max_pixels=LIMIT)

    assert (page.getpixel((0, 0)), page.getpixel((3, 0))) == ((0, 0, 0), (255, 255, 255))


def test_IN15_a_transparent_palette_entry_is_white() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 0, 0, 0])
    palette.putpixel((1, 0), 1)

    page = decode_image(saved(palette, "PNG", transparency=1), max_pixels=LIMIT)

    assert (page.getpixel((0, 0)), page.getpixel((1, 0))) == ((10, 20, 30), (255, 255, 255))


def test_IN15_one_bit_is_black_and_white() -> None:
    page = decode_image(saved(scene().convert("1"), "TIFF", compression="group4"), max_pixels=LIMIT)

    assert set(np.unique(np.asarray(page))) == {0, 255}


@pytest.mark.parametrize(
    "data",
    [b"<!DOCTYPE html><html>", b"\n\n<HTML><body>Log in", b"\xef\xbb\xbf<html>", b"<?xml version='1.0'?><html>"],
)
def test_IN04_html_is_named_with_what_to_check(data: bytes) -> None:
    with pytest.raises(TaskError, match="HTML, not an image; is the token missing") as refusal:
        decode_image(data, max_pixels=LIMIT)
    assert refusal.value.code == "image_not_image"


@pytest.mark.parametrize("data", [b'{"detail": "Not found"}', b"OK", b"\x01\x02\x03", "Не найдено".encode()])
def test_IN04_anything_else_is_no_image(data: bytes) -> None:
    assert code_of(data) == "image_not_image"


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY a 'b'>]><svg>&a;</svg>",
        b"<?xml version='1.0'?><!-- " + b"x" * 900 + b" --><svg/>",
    ],
)
def test_IN18_an_svg_is_named_and_not_parsed(data: bytes) -> None:
    with pytest.raises(TaskError, match="SVG") as refusal:
        decode_image(data, max_pixels=LIMIT)
    assert refusal.value.code == "image_format"


def test_IN19_a_pdf_is_named_with_what_to_do() -> None:
    with pytest.raises(TaskError, match="PDF") as refusal:
        decode_image(b"%PDF-1.7", max_pixels=LIMIT)
    assert (refusal.value.code, refusal.value.hint) == (
        "image_format",
        "make page images of it: python -m backend split",
    )


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
        (b"\xc5\xd0\xd3\xc6", "EPS"),
        (b"8BPS\0\1", "PSD"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "FPX"),
        (b"\0\0\1\0\1\0", "ICO"),
        (b"DDS \x7c", "DDS"),
        (b"\xd7\xcd\xc6\x9a\0\0", "WMF"),
        (b"\0\0\0\x1cftypheic", "HEIC"),
        (b"SIMPLE  =                    T", "FITS"),
    ],
)
def test_IN20_other_formats_are_named_and_not_parsed(data: bytes, name: str) -> None:
    with pytest.raises(TaskError, match=name) as refusal:
        decode_image(data, max_pixels=LIMIT)
    assert refusal.value.code == "image_format"


def test_IN20_an_eps_that_pillow_could_read_is_refused() -> None:
    assert code_of(saved(scene(), "EPS")) == "image_format"


def test_IN05_an_empty_file_is_named_so() -> None:
    assert code_of(b"") == "image_empty"


def test_IN08_the_size_is_judged_by_the_header() -> None:
    assert code_of(png(20_000, 20_000, (b"IDAT", zlib.compress(bytes(9)))), 100_000_000) == "image_too_large"
    assert code_of(saved(scene(), "PNG"), 60 * 40 - 1) == "image_too_large"
    assert decode_image(saved(scene(), "PNG"), max_pixels=60 * 40).size == (60, 40)


@pytest.mark.parametrize("behind_the_pixels", [True, False])
def test_IN10_a_text_chunk_that_unpacks_to_a_hundred_times_its_size_is_too_large(behind_the_pixels: bool) -> None:
    chunks = [(b"zTXt", b"k\0\0" + zlib.compress(bytes(20_000_000))), (b"IDAT", zlib.compress(bytes(2)))]

    assert code_of(png(1, 1, *(reversed(chunks) if behind_the_pixels else chunks))) == "image_too_large"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "MPO"])
def test_the_first_of_several_pages_is_used_and_the_others_logged(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    pages = [Image.new("RGB", (8, 8), color) for color in ("red", "lime", "blue")]

    page = decode_image(saved(pages[0], kind, save_all=True, append_images=pages[1:]), max_pixels=LIMIT)

    assert difference(page, pages[0]) < 6
    assert [vars(record)["pages"] for record in caplog.records] == [3]


@given(st.binary(max_size=300))
def test_any_bytes_are_an_image_or_refused_by_name(data: bytes) -> None:
    assert code_of(data).startswith("image_")


@given(st.sampled_from(FORMATS), st.integers(0, 2**32))
def test_a_damaged_file_is_a_page_or_refused_by_name(kind: str, seed: int) -> None:
    dice = random.Random(seed)
    data = bytearray(saved(scene(), kind))
    for _ in range(dice.randint(1, 8)):
        data[dice.randrange(dice.choice((60, len(data))))] = dice.randrange(256)

    try:
        page = decode_image(bytes(data), max_pixels=LIMIT)
    except TaskError:
        return
    assert page.mode == "RGB"

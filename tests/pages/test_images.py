"""Images of every kind, from the host they are fetched from to the entry of their task."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageOps

from backend.document.geometry import Box
from backend.document.page import Page, PageRef, Word
from backend.errors import LabelStudioError, TaskError
from backend.inference.regions import decode_regions
from backend.label_studio.annotations import annotation_boxes
from backend.model.classifier import WordClassifier
from backend.model.live import LoadedVersion
from backend.model.tagger import PageTagger
from backend.ocr.auto import AutoEngine
from backend.ocr.rapid import RapidEngine
from backend.ocr.segments import arrange
from backend.ocr.tesseract import TesseractEngine
from backend.pipelines.predict import predict_tasks
from backend.pipelines.reading import RememberedPages
from tests.drawn import Canvas
from tests.memorised import png
from tests.mixed_faults import good_page
from tests.pages.image_host import GOOD, ImageHost, image_host
from tests.pages.loopback import reply
from tests.pages.processes import memory_grows_less_than
from tests.pages.test_decode import png as png_of_chunks
from tests.pages.test_decode import saved
from tests.pipelines.test_reading import Counting

READER_BYTES_PER_PIXEL, DECODER_BYTES_PER_PIXEL = 8, 10
"""What a page takes at most while it is read, in the process that reads it and in its decoder; docs/ARCHITECTURE.md."""

DRAWN = good_page(0)
PAGE = DRAWN.image
WORDS = {word.text for word in DRAWN.words}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of what OCR read, so that the good page is read once for all tests."""
    return tmp_path_factory.mktemp("ocr")


@pytest.fixture
def host(cache: Path) -> Iterator[ImageHost]:
    with image_host(cache) as host:
        yield host


def texts(host: ImageHost, data: bytes) -> set[str]:
    """The words that OCR finds on a page."""
    return {word.text for word in host.reader.read_bytes(data).words}


def is_predicted_as_the_good_page(host: ImageHost, data: bytes, **headers: str) -> bool:
    """Whether an image gets the boxes of the good page, each nearly in its place."""
    config = host.scene().config
    found, good = (
        annotation_boxes(host.entry(address), config, {0: PAGE.size}).boxes[0]
        for address in (host.serve(data, **headers), GOOD)
    )
    return len(found) == len(good) > 0 and all(
        one.label == other.label and one.box.iou(other.box) > 0.8 for one, other in zip(found, good, strict=True)
    )


@pytest.mark.parametrize("status", [404, 410])
def test_IN01_a_missing_image_is_an_empty_entry(host: ImageHost, status: int) -> None:
    assert host.code(host.serve_answer(lambda: reply(status=status))) == "image_http_404"


def test_IN01_label_studios_500_for_a_missing_upload_is_an_empty_entry(host: ImageHost) -> None:
    error = host.error(host.serve_answer(lambda: reply(status=500)))

    assert error["code"] == "image_http_5xx"
    assert "that is gone" in error["hint"]


@pytest.mark.parametrize("status", [401, 403])
def test_IN02_one_refused_image_is_an_empty_entry_and_the_log_says_what_to_check(
    host: ImageHost, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    error = host.error(host.serve_answer(lambda: reply(status=status)))

    assert error["code"] == "label_studio_auth"
    [line] = [record for record in caplog.records if vars(record).get("code") == "label_studio_auth"]
    assert "LABEL_STUDIO_API_KEY" in vars(line)["cause"]


@pytest.mark.parametrize("status", [401, 403])
def test_IN02_when_all_images_are_refused_the_request_fails(host: ImageHost, status: int) -> None:
    address = host.serve_answer(lambda: reply(status=status))

    with pytest.raises(LabelStudioError) as failure:
        host.predict(address, address)

    assert (failure.value.code, failure.value.http_status) == ("label_studio_auth", 503)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_IN03_a_server_that_stays_broken_is_an_empty_entry(host: ImageHost, status: int) -> None:
    assert host.code(host.serve_answer(lambda: reply(status=status))) == "image_http_5xx"


def test_IN04_a_login_page_is_an_empty_entry_whatever_it_is_called(host: ImageHost) -> None:
    for kind in ("image/png", "text/html"):
        error = host.error(host.serve(b"<!DOCTYPE html><html>Log in", content_type=kind))
        assert error["code"] == "image_not_image"
        assert "HTML" in error["message"]
        assert "is the token missing?" in error["message"]


def test_IN05_an_empty_file_is_an_empty_entry(host: ImageHost) -> None:
    assert host.code(host.serve(b"")) == "image_empty"


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_IN06_a_truncated_image_is_an_empty_entry(host: ImageHost, kind: str) -> None:
    assert host.code(host.serve(saved(PAGE, kind)[:-500])) == "image_truncated"


def test_IN07_an_incomplete_image_is_an_empty_entry_and_leaves_nothing_in_the_cache(host: ImageHost) -> None:
    host.entry(GOOD)
    kept = sorted(host.reader.cache.folder.rglob("*"))
    data = saved(PAGE.rotate(180), "JPEG")

    assert host.code(host.serve(data[:-100], content_length=str(len(data)))) == "image_incomplete"
    assert sorted(host.reader.cache.folder.rglob("*")) == kept


def test_IN08_a_bomb_costs_neither_memory_nor_time(host: ImageHost) -> None:
    bomb = png_of_chunks(20_000, 20_000, (b"IDAT", zlib.compress(bytes(9))))
    assert len(bomb) < 1000
    host.entry(host.serve(png(Image.new("RGB", (50, 50), "white")), "/data/upload/1/first.png"))  # a decoder is there

    took_s = []
    with memory_grows_less_than(50_000_000):
        for _ in range(5):
            began = time.monotonic()
            with pytest.raises(TaskError, match="too large"):
                host.reader.read_bytes(bomb)
            took_s.append(time.monotonic() - began)

    assert min(took_s) < 0.1
    assert host.code(host.serve(bomb)) == "image_too_large"


def test_IN09_a_scan_of_a_hundred_megapixels_is_predicted_within_its_memory(tmp_path: Path) -> None:
    scan = tmp_path / "scan.jpg"
    page = Image.new("RGB", (10_000, 10_000), "white")
    page.paste(PAGE.resize((10_000, 10_000 * PAGE.height // PAGE.width), Image.Resampling.BICUBIC), (0, 3000))
    page.save(scan, quality=85)
    # In a process of its own, because memory is looked at where it was highest.
    command = [sys.executable, "-m", "tests.pages.read_scan", str(scan), str(tmp_path / "ocr")]
    read = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    assert read["size"] == [10_000, 10_000]
    assert set(read["words"]) == WORDS
    assert read["reader_bytes"] < READER_BYTES_PER_PIXEL * 10**8
    assert read["decoder_bytes"] < DECODER_BYTES_PER_PIXEL * 10**8


@pytest.mark.parametrize("name", ["TIFF strips", "PNG text", "gzip"])
def test_IN10_bombs_inside_the_format_are_empty_entries(host: ImageHost, name: str) -> None:
    text = png_of_chunks(
        1, 1, (b"zTXt", b"k\0\0" + zlib.compress(bytes(80_000_000))), (b"IDAT", zlib.compress(bytes(2)))
    )
    packed = gzip.compress(bytes(100_000_000))
    host.entry(host.serve(png(Image.new("RGB", (60, 50), "white"))))  # a decoder is there
    address = {
        "TIFF strips": lambda: host.serve(tiff_of_strips(20_000, 20_000)),
        "PNG text": lambda: host.serve(text),
        "gzip": lambda: host.serve(packed, content_encoding="gzip"),
    }[name]()

    with memory_grows_less_than(200_000_000):
        assert host.code(address) == "image_too_large"


def tiff_of_strips(width: int, height: int) -> bytes:
    """A grey TIFF of a hundred strips that are all the same few packed bytes."""
    rows = height // 100
    strip = zlib.compress(bytes(width * rows), 9)
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1)]
    tags += [(278, 4, 1, rows), (273, 4, 100, 200), (279, 4, 100, 600)]
    tags.sort()
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    offsets = struct.pack("<100I", *[1000] * 100) + struct.pack("<100I", *[len(strip)] * 100)
    return head.ljust(200, b"\0") + offsets + strip


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_IN11_the_first_picture_of_an_animation_is_predicted_and_logged(
    host: ImageHost, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    blank = Image.new("RGB", PAGE.size, "white")

    assert is_predicted_as_the_good_page(host, saved(PAGE, kind, save_all=True, append_images=[blank, PAGE]))
    assert [vars(record)["pages"] for record in caplog.records if "pages" in vars(record)] == [3]


def deep(mode: str) -> Image.Image:
    """The page in sixteen bits, its paper at 50 000 of 65 535: white wherever values are cut off at 255."""
    values = np.asarray(PAGE.convert("L"), dtype=np.uint32) * 50_000 // 255
    kind = ">u2" if mode == "I;16B" else "<u2"
    return Image.frombytes(mode, PAGE.size, values.astype(kind).tobytes())


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "I;16"), ("TIFF", "I;16"), ("TIFF", "I;16B")])
def test_IN12_text_is_found_in_sixteen_bits(host: ImageHost, kind: str, mode: str) -> None:
    assert texts(host, saved(deep(mode), kind)) == WORDS


@pytest.mark.parametrize("inverted", [False, True])
def test_IN13_text_is_found_in_cmyk(host: ImageHost, inverted: bool) -> None:
    cmyk = PAGE.convert("CMYK")
    data = saved(ImageChops.invert(cmyk) if inverted else cmyk, "JPEG", quality=95)
    if inverted:
        at = data.index(b"\xff\xee")  # the marker that tells that values are inverted, cut out with its segment
        data = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
        assert b"Adobe" not in data

    assert texts(host, data) == WORDS


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "MPO"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_IN14_boxes_of_a_turned_photograph_lie_where_the_editor_shows_the_words(
    host: ImageHost, kind: str, orientation: int
) -> None:
    stored = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"save_all": True, "append_images": [PAGE]} if kind == "MPO" else {}

    assert is_predicted_as_the_good_page(host, saved(PAGE.transpose(stored), kind, exif=exif, **options))


@pytest.mark.parametrize("mode", ["palette", "1-bit", "alpha", "LA", "float"])
def test_IN15_text_is_found_in_any_mode(host: ImageHost, mode: str) -> None:
    on_nothing = PAGE.convert("RGBA")
    on_nothing.putalpha(ImageOps.invert(PAGE.convert("L")))
    floats = Image.fromarray(np.asarray(PAGE.convert("L"), dtype=np.float32) / 255)
    data = {
        "palette": lambda: saved(PAGE.convert("P"), "PNG"),
        "1-bit": lambda: saved(PAGE.convert("1"), "TIFF", compression="group4"),
        "alpha": lambda: saved(on_nothing, "PNG"),
        "LA": lambda: saved(on_nothing.convert("LA"), "PNG"),
        "float": lambda: saved(floats, "TIFF"),
    }[mode]()

    assert texts(host, data) == WORDS


RAPID = RapidEngine()
ENGINES = {"tesseract": TesseractEngine(), "rapidocr": RAPID, "auto": AutoEngine(TesseractEngine(), RAPID)}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1)])
def test_IN16_a_page_on_which_no_letter_fits_has_an_empty_result(
    tmp_path: Path, engine: str, size: tuple[int, int]
) -> None:
    with image_host(tmp_path, ENGINES[engine]) as host:
        entry = host.entry(host.serve(png(Image.new("RGB", size, "black"))))

    assert entry["result"] == []


@pytest.mark.parametrize("engine", ["tesseract", "auto"])
def test_IN17_a_strip_that_ocr_refuses_is_scaled_and_read(tmp_path: Path, engine: str) -> None:
    canvas = Canvas(40_000, 40)
    canvas.write("Beginning", (100, 28), 24)
    canvas.write("Ending", (39_800, 28), 24)
    strip = png(canvas.finish().image)

    with image_host(tmp_path, ENGINES[engine]) as host:
        host.entry(host.serve(strip))
        assert texts(host, strip) == {"Beginning", "Ending"}


@pytest.mark.parametrize(("engine", "size"), [("rapidocr", (40_000, 40)), ("tesseract", (400_000, 20))])
def test_IN17_a_strip_that_cannot_be_scaled_is_an_empty_entry(
    tmp_path: Path, engine: str, size: tuple[int, int]
) -> None:
    with image_host(tmp_path, ENGINES[engine]) as host:
        assert host.code(host.serve(png(Image.new("RGB", size, "white")))) == "ocr_refused_size"


def test_IN18_an_svg_is_an_empty_entry(host: ImageHost) -> None:
    svg = b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><svg>&a;</svg>"

    assert host.code(host.serve(svg, content_type="image/svg+xml")) == "image_format"


def test_IN19_a_pdf_is_an_empty_entry_with_the_remedy(host: ImageHost) -> None:
    error = host.error(host.serve(saved(PAGE, "PDF"), content_type="application/pdf"))

    assert (error["code"], error["hint"]) == ("image_format", "make page images of it: python -m backend split")


@pytest.mark.parametrize("kind", ["EPS", "ICO", "DDS", "JPEG2000", "AVIF", "PPM", "PCX", "SGI"])
def test_IN20_formats_outside_the_list_are_empty_entries_though_pillow_reads_them(host: ImageHost, kind: str) -> None:
    page = PAGE.resize((128, 128))
    if kind == "AVIF" and "AVIF" not in Image.registered_extensions().values():
        pytest.skip("this Pillow writes no AVIF")

    assert host.code(host.serve(saved(page, kind))) == "image_format"


def test_IN21_the_first_page_of_a_tiff_is_predicted_and_the_number_of_pages_logged(
    host: ImageHost, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    blank = Image.new("RGB", PAGE.size, "white")

    assert is_predicted_as_the_good_page(host, saved(PAGE, "TIFF", save_all=True, append_images=[blank] * 4))
    [line] = [record for record in caplog.records if "pages" in vars(record)]
    assert (vars(line)["pages"], vars(line)["format"]) == (5, "TIFF")


def test_IN22_a_data_uri_is_predicted_under_the_same_limits(host: ImageHost) -> None:
    head = "data:image/png;base64,"
    uri = head + base64.b64encode(png(PAGE)).decode()
    bomb = head + base64.b64encode(png_of_chunks(20_000, 20_000)).decode()

    assert host.entry(uri)["result"] == host.entry(GOOD)["result"] != []
    assert host.code(uri[:-40] + "!!") == "image_bad_data_uri"
    assert host.code(bomb) == "image_too_large"
    assert host.code(head + "A" * 100_000, max_bytes=60_000) == "image_too_large"


def test_IN23_a_blank_page_has_an_empty_result_and_the_score_0(host: ImageHost, memorised: WordClassifier) -> None:
    address = host.serve(png(Image.new("RGB", (800, 1000), "white")))
    fast = host.version.tagger.fast
    for tagger in (PageTagger(fast=fast), PageTagger(deep=memorised)):
        host.version = LoadedVersion(7, tagger)
        entry = host.entry(address)
        assert (entry["result"], entry["score"]) == ([], 0)


class FullPage:
    """An OCR engine that finds twenty thousand words on any page."""

    identity = "full page"

    def read(self, image: Image.Image) -> list[Word]:
        vocabulary = [word.text for word in DRAWN.words]
        return [
            Word(vocabulary[number % len(vocabulary)], Box(left, top, left + 40, top + 12), 0.9)
            for number, (top, left) in enumerate((20 * row, 50 * column) for row in range(200) for column in range(100))
        ]


def test_IN24_a_page_of_20_000_words_is_predicted_or_left_for_want_of_time(tmp_path: Path) -> None:
    with image_host(tmp_path, FullPage()) as host:
        address = host.serve(png(Image.new("L", (5_000, 4_000), "white")))
        entry = host.entry(address)
        late = replace(host.scene(), deadline=time.monotonic())
        left = predict_tasks([{"id": 1, "data": {"image": address}}], late)

    boxes = [result for result in entry["result"] if result["type"] == "rectanglelabels"]
    assert boxes
    assert all(len(box["value"]["rectanglelabels"]) == 1 for box in boxes)
    assert left.results == [[]]
    assert [error["code"] for error in left.errors] == ["deadline"]


@pytest.mark.slow
def test_IN24_each_of_20_000_words_stands_in_a_window_and_in_one_region_at_most(memorised: WordClassifier) -> None:
    page = Page(5_000, 4_000, arrange(FullPage().read(PAGE)), np.zeros((3, 224, 224), np.uint8))

    [probabilities] = memorised.probabilities([page])

    assert probabilities.shape == (20_000, memorised.label_set.tag_count)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-3)
    labelled = [word for region in decode_regions(page, probabilities, memorised.label_set) for word in region.words]
    assert len(labelled) == len(set(labelled)) > 0


NAMES = ["a b", "a%20b", "a+b", "a#b", "a?b", "счёт", "請求書", "🧾", "\u0439" * 300, "\u0438\u0306" * 150]
"""File names; the last two look alike and are written in different letters."""


def test_IN25_any_file_name_is_fetched_and_kept_and_no_two_are_mistaken_for_each_other(tmp_path: Path) -> None:
    engine = Counting()
    with image_host(tmp_path, engine) as host:
        addresses = [
            host.serve(png(Image.new("RGB", (300 + number, 200), "white")), f"/data/upload/1/{quote(name)}.png")
            for number, name in enumerate(NAMES)
        ]
        for _ in range(2):  # the second time from the cache
            for number, address in enumerate(addresses):
                page = host.reader.read(PageRef(1, 0, address), host.scene().fetch)
                assert page.width == 300 + number
    assert [url for url, _ in host.fetched] == addresses * 2
    assert engine.asked == len(NAMES)


def test_IN26_a_changed_image_at_the_same_address_is_read_anew(host: ImageHost) -> None:
    address = host.serve(png(PAGE))
    before = host.entry(address)
    assert before["result"]
    blank = png(Image.new("RGB", PAGE.size, "white"))
    host.serve(blank, address)

    assert host.entry(address)["result"] == []

    host.serve(png(PAGE), address)
    assert host.entry(address) == before


def test_IN26_a_changed_image_reaches_the_next_training_within_minutes(host: ImageHost) -> None:
    address, blank = host.serve(png(PAGE)), png(Image.new("RGB", PAGE.size, "white"))
    ref, fetch = PageRef(1, 0, address), host.scene().fetch
    lasting, short = RememberedPages(host.reader), RememberedPages(host.reader, life_s=0)
    for pages in (lasting, short):
        known = pages.read(ref, fetch, picture=True)
        assert {word.text for word in known.words} == WORDS
        assert pages.read(ref, fetch, picture=True) is known  # as long as the image is as it was

    host.serve(blank, address)

    assert lasting.read(ref, fetch, picture=True).words
    read = short.read(ref, fetch, picture=True)
    assert read.words == ()
    assert read.picture is not None
    assert read.picture.min() == 255


def slow_body(gap_s: float = 0.05) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n\r\n"
    while True:
        time.sleep(gap_s)
        yield b"x"


def slow_head() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        time.sleep(0.05)
        yield b"X-More: 1\r\n"


@pytest.mark.parametrize("answer", [slow_body, slow_head])
def test_IN27_a_slow_host_is_given_up_while_other_tasks_go_on(host: ImageHost, answer: Any) -> None:
    slow = host.serve_answer(answer)
    began = time.monotonic()

    assert host.code(slow, total_s=3.0) == "image_timeout"

    assert time.monotonic() - began < 20
    assert [url for url, _ in host.fetched] == [GOOD, GOOD]
    assert all(at - began < 3.0 for _, at in host.fetched)  # while the slow one was still waited for


def endless() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n\r\n"
    while True:
        yield bytes(100_000)


def test_IN28_an_endless_body_is_an_empty_entry(host: ImageHost) -> None:
    with memory_grows_less_than(100_000_000):
        assert host.code(host.serve_answer(endless), max_bytes=5_000_000, total_s=20.0) == "image_too_large"


def test_IN29_the_content_decides_and_not_the_name(host: ImageHost) -> None:
    jpeg = saved(PAGE, "JPEG", quality=95)

    assert is_predicted_as_the_good_page(host, jpeg, content_type="image/png")
    assert host.entry(host.serve(jpeg, "/data/upload/1/page.png", content_type="text/plain"))["result"]


@pytest.mark.parametrize("broken", ["EXIF", "ICC", "XMP", "text"])
def test_IN30_broken_metadata_is_ignored(host: ImageHost, broken: str) -> None:
    data = {
        "EXIF": lambda: saved(PAGE, "JPEG", quality=95, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"),
        "ICC": lambda: saved(PAGE, "PNG", icc_profile=b"no profile at all"),
        "XMP": lambda: saved(PAGE, "JPEG", quality=95, xmp=b"<x:xmpmeta <<< \xff\xfe"),
        "text": lambda: with_chunk(saved(PAGE, "PNG"), b"iTXt", b"\xff\xfe no key at all"),
    }[broken]()

    assert is_predicted_as_the_good_page(host, data)


def with_chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    """A PNG with one more chunk behind its header."""
    chunk = struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return data[:33] + chunk + data[33:]

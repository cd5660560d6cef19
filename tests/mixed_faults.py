"""A batch of a hundred tasks, thirty of which are each broken in another way, and the host that serves their images."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from backend.document.label_set import LabelSet
from backend.document.page import Page, Word
from backend.model.tagger import PageTagger, save_tagger
from backend.training.align import align
from backend.training.fit_crf import fit_crf
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.drawn import Canvas, DrawnPage
from tests.memorised import png
from tests.pages.loopback import Answer, Asked, Listener, reply

CONFIG = """<View><Image name="image" value="$image"/>
  <RectangleLabels name="label" toName="image"><Label value="question"/><Label value="answer"/></RectangleLabels>
</View>"""
LABELS = LabelSet(("question", "answer"))

GOOD_PAGES = 7
TASKS, GOOD = 100, 70
GOOD_WIDTH = 500
"""Width in pixels of the first good page; each further one is a pixel wider, by which its prediction is known."""

MOST_MB = 1  # MAX_IMAGE_MB that the faults need
MOST_MEGAPIXELS = 20  # MAX_MEGAPIXELS

Json = dict[str, Any]


@cache
def good_page(number: int) -> DrawnPage:
    """A small page with a question and its answer."""
    canvas = Canvas(GOOD_WIDTH + number, 160)
    canvas.annotate("question", canvas.write("Name:", (30, 60), 24))
    canvas.annotate("answer", canvas.write("Ann Baker", (160, 60), 24))
    canvas.annotate("question", canvas.write("Total:", (30, 120), 24))
    canvas.annotate("answer", canvas.write(f"{number}85.40", (160, 120), 24))
    return canvas.finish()


def publish_version(data_dir: Path, project_id: int) -> int:
    """A version of the fast learner that knows the good pages, promoted; its number."""
    pages = [good_page(number) for number in range(GOOD_PAGES)]
    examples = []
    for drawn in pages:
        page = Page(*drawn.size, tuple(Word(word.text, word.box, 0.96, at) for at, word in enumerate(drawn.words)))
        examples.append((page, align(page, drawn.boxes, LABELS)))
    store = VersionStore(ProjectFolder(data_dir, project_id))
    with store.stage() as staged:
        save_tagger(PageTagger(fast=fit_crf(examples, LABELS)), staged)
        number = store.publish(staged, {})
    store.promote(number, "test")
    return number


@dataclass(frozen=True)
class Fault:
    """One way in which a task can be broken.

    Attributes:
        row: of the contract.
        code: with which its entry is empty.
        data: of the task, from the address of the image host; or the whole task where it is no object with data.
        answer: of the host, for the path that is named after the row.
    """

    row: str
    code: str
    data: Callable[[str], object]
    answer: Callable[[], Answer] | None = None


def served(row: str, code: str, answer: Callable[[], Answer]) -> Fault:
    """A fault that lies in what the host answers."""
    return Fault(row, code, lambda host: {"image": f"{host}/broken/{row}"}, answer)


def addressed(row: str, code: str, address: str) -> Fault:
    """A fault that lies in the address."""
    return Fault(row, code, lambda host: {"image": address})


def _cut_jpeg() -> bytes:
    whole = io.BytesIO()
    good_page(0).image.save(whole, "JPEG")
    return whole.getvalue()[: len(whole.getvalue()) // 2]


def _bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is very large."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _strip() -> bytes:
    return png(Image.new("L", (400_000, 20), 255))


def _endless() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 X\r\nconnection: close\r\n\r\n"
    while True:
        yield b"\x89PNG" + bytes(65_536)


def _zipped() -> bytes:
    return reply(gzip.compress(bytes(40_000_000)), content_encoding="gzip")


IN_THE_IMAGE = (
    served("IN01", "image_http_404", lambda: reply(b"", 404)),
    served("IN01-gone", "image_http_404", lambda: reply(b"", 410)),
    served("IN03", "image_http_5xx", lambda: reply(b"", 500, retry_after="0")),
    served("IN04", "image_not_image", lambda: reply(b"<!DOCTYPE html><p>Log in", content_type="image/png")),
    served("IN05", "image_empty", lambda: reply(b"")),
    served("IN06", "image_truncated", lambda: reply(_cut_jpeg())),
    served("IN06-png", "image_truncated", lambda: reply(png(good_page(0).image)[:-900])),
    served("IN07", "image_incomplete", lambda: reply(png(good_page(0).image)[:-9], content_length="9999")),
    served("IN08", "image_too_large", lambda: reply(_bomb(20_000, 20_000))),
    served("IN10", "image_too_large", _zipped),
    served("IN17", "ocr_refused_size", lambda: reply(_strip())),
    served("IN18", "image_format", lambda: reply(b'<svg xmlns="http://www.w3.org/2000/svg"/>')),
    served("IN19", "image_format", lambda: reply(b"%PDF-1.7\n")),
    served("IN20", "image_format", lambda: reply(b"8BPS\0\1" + bytes(20))),
    served("IN20-eps", "image_format", lambda: reply(b"%!PS-Adobe-3.0 EPSF-3.0")),
    served("IN28", "image_too_large", _endless),
    served("IN04-text", "image_not_image", lambda: reply(b"nothing to see")),
    served("IN01-teapot", "image_http_4xx", lambda: reply(b"", 418)),
    served("UR09", "url_redirects", lambda: reply(b"", 302, location="/broken/UR09")),
    served("UR08", "url_forbidden", lambda: reply(b"", 302, location="http://10.1.2.3/a.png")),
    served("UR09-scheme", "url_redirects", lambda: reply(b"", 302, location="ftp://127.0.0.1/a.png")),
    addressed("IN22", "image_bad_data_uri", "data:image/png;base64,%%%"),
    addressed("IN22-plain", "image_bad_data_uri", "data:image/png,abc"),
    addressed("UR01", "url_scheme", "file:///etc/passwd"),
    addressed("UR01-gopher", "url_scheme", "gopher://127.0.0.1/x"),
    addressed("UR03", "url_path", "/data/upload/../../x"),
    addressed("UR05", "url_forbidden", "http://[::1]:1/a.png"),
    addressed("UR06", "url_forbidden", "http://169.254.169.254/latest/meta-data"),
    addressed("UR07", "url_forbidden", "http://192.168.7.7/a.png"),
    addressed("UR12", "url_malformed", "http://[::1/a.png"),
)
"""Thirty faults that a task can have which is otherwise sound, so that Label Studio takes it in."""

IN_THE_TASK = (
    Fault("RQ06", "task_malformed", lambda host: {"id": 6}),
    Fault("RQ06-null", "task_malformed", lambda host: {"id": 6, "data": None}),
    Fault("RQ06-no-id", "task_malformed", lambda host: {"data": {"image": f"{host}/good/0"}}),
    Fault("RQ06-nothing", "task_malformed", lambda host: None),
    Fault("RQ07", "image_key_missing", lambda host: {"picture": f"{host}/good/0"}),
    Fault("RQ08", "image_value_type", lambda host: {"image": 7}),
    Fault("RQ08-empty", "image_value_type", lambda host: {"image": ""}),
    Fault("RQ08-list", "image_value_type", lambda host: {"image": [f"{host}/good/0"]}),
    Fault("RQ08-object", "image_value_type", lambda host: {"image": {"url": f"{host}/good/0"}}),
)
"""Faults of the task itself; Label Studio would not let such a task in."""

IS_WHOLE_TASK = {"RQ06", "RQ06-null", "RQ06-no-id", "RQ06-nothing"}


def answer_images(asked: Asked) -> Answer:
    """What the image host answers."""
    _, kind, name = asked.target.split("/")
    if kind == "good":
        return reply(png(good_page(int(name)).image), content_type="image/png")
    fault = next(fault for fault in IN_THE_IMAGE if fault.row == name)
    assert fault.answer is not None
    return fault.answer()


def image_host() -> Listener:
    """Serves good and broken images; to be entered."""
    return Listener(lambda asked: answer_images(asked) if asked.target.count("/") == 2 else reply(b"", 404))


@dataclass(frozen=True)
class MixedTask:
    """A task and what is to become of it.

    Attributes:
        task: as it is sent to `/predict`.
        width: of the page in pixels, by which a prediction of this page is known; 0 for a broken one.
        code: with which its entry is empty; "" for a good one.
    """

    task: Any
    width: int
    code: str
    row: str = ""


def mixed_tasks(host: str, faults: tuple[Fault, ...], seed: int) -> list[MixedTask]:
    """Seventy good tasks and thirty broken ones, in an order by the seed."""
    good = [
        MixedTask(
            {"id": 1000 + at, "data": {"image": f"{host}/good/{at % GOOD_PAGES}"}}, GOOD_WIDTH + at % GOOD_PAGES, ""
        )
        for at in range(GOOD)
    ]
    broken = []
    for at, fault in enumerate(faults[: TASKS - GOOD]):
        data = fault.data(host)
        task = data if fault.row in IS_WHOLE_TASK else {"id": 2000 + at, "data": data}
        broken.append(MixedTask(task, 0, fault.code, fault.row))
    mixed = good + broken
    random.Random(seed).shuffle(mixed)
    return mixed


def width_of(prediction: Json) -> int:
    """The width of the page that a prediction was made for."""
    (width,) = {result["original_width"] for result in prediction["result"]}
    return int(width)

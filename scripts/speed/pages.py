"""The pages of the bench, and a web server that has them, as Label Studio would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from threading import Thread
from typing import Any

from scripts.bench.data_sets import real_sources
from scripts.bench.pages import BenchPage
from scripts.speed.figures import Options
from tests.drawn import Canvas, draw_form, draw_receipt
from tests.drawn.vocabulary import SENTENCES
from tests.flows.conftest import png

HOST = "127.0.0.1"
A4_AT_200_DPI = (1654, 2339)
LETTER_LINES, LETTER_FONT_PX = 34, 31  # letters of 11 points
DRAWN_APART = 10_000
"""Other drawn pages for another seed, up to so many."""


def bench_pages(options: Options, count: int) -> list[BenchPage]:
    """So many pages, receipts and forms in turn; the same ones for the same options.

    Raises:
        ValueError: there are not so many.
    """
    if options.data is None:
        return [_drawn(options.seed, number) for number in range(count)]
    kinds = [source.data_set(0, options.seed).learn for source in real_sources(options.data)]
    pages = [page for same in zip(*kinds, strict=False) for page in same][:count]
    if len(pages) < count:
        raise ValueError(f"{count} pages were asked for, there are {len(pages)}")
    return pages


def a4_pages(seed: int, count: int) -> list[BenchPage]:
    """So many drawn letters, A4 at 200 dpi with about 250 words: what an office scanner gives."""
    return [_letter(DRAWN_APART * seed + number) for number in range(count)]


def _letter(seed: int) -> BenchPage:
    random = Random(f"letter {seed}")
    canvas = Canvas(*A4_AT_200_DPI)
    canvas.write_block([random.choice(SENTENCES) for _ in range(LETTER_LINES)], (200, 200), LETTER_FONT_PX)
    page = canvas.finish()
    return BenchPage(f"letter{seed:03}.png", png(page.image), page.size, ())


def _drawn(seed: int, number: int) -> BenchPage:
    draw, kind = ((draw_receipt, "receipt"), (draw_form, "form"))[number % 2]
    page = draw(DRAWN_APART * seed + number)
    return BenchPage(f"{kind}{number:03}.png", png(page.image), page.size, ())


@dataclass(frozen=True, slots=True)
class PageServer:
    """Pages that can be fetched.

    Attributes:
        tasks: one for each page, as Label Studio sends it.
    """

    pages: Sequence[BenchPage]
    tasks: list[dict[str, Any]]


@contextmanager
def serve_pages(pages: Sequence[BenchPage]) -> Iterator[PageServer]:
    """A web server on this machine with these pages, until the block ends."""
    images = {f"/{number}/{page.name}": page.image for number, page in enumerate(pages)}
    server = ThreadingHTTPServer((HOST, 0), _handler_of(images))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        urls = [f"http://{HOST}:{server.server_port}{path}" for path in images]
        yield PageServer(pages, [{"id": number, "data": {"image": url}} for number, url in enumerate(urls, start=1)])
    finally:
        server.shutdown()
        server.server_close()


def _handler_of(images: Mapping[str, bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            image = images.get(self.path)
            self.send_response(404 if image is None else 200)
            self.send_header("Content-Length", str(len(image or b"")))
            self.end_headers()
            self.wfile.write(image or b"")

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the bench prints its tables only."""

    return Handler

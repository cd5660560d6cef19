"""A process that reads one PDF for the process that started it: draws its pages and takes their text out.

    python -m backend.pages.pdf_process      its standard input is the socket to that process

PDFs are programs of a kind, written by strangers. In here a crash, or memory or time without bounds, costs one file.
The process writes no file and starts no other; it may open files for the fonts that a PDF names and does not hold.

First come `LENGTH`, as many bytes of JSON (`bytes`, `max_pixels`) and the file; the answer is `LENGTH` and JSON with
the number of `pages`. Then pages are asked for, JSON with `page` (counted from 0), `dpi`, `cpu_s`, `text`; the answer
is JSON with `width`, `height`, `words`, `why_not` and `png`, so many bytes of which follow. What cannot be is answered
with a refusal (`code`, `message`, `hint`).
"""

from __future__ import annotations

import io
import json
import math
import resource
import signal
import socket
from contextlib import suppress
from typing import Any

from PIL import Image, PngImagePlugin
from pypdfium2 import PdfDocument, PdfiumError, PdfPage, raw

from backend.errors import RequestError
from backend.pages.decoder_messages import LENGTH, READY, Closed, receive, send
from backend.pages.pdf_text import TextLayer, read_text_layer

PRELOADED = (PngImagePlugin,)
CHANNEL = 0
OPEN_FILES = 16
OWN_BYTES = 600_000_000
FILE_COPIES = 4
DRAWING_BYTES = 24
"""Most that a pixel takes while a page is drawn and packed."""
POINTS_PER_INCH = 72

NOT_DRAWN = "open it in a PDF viewer and print it to a new PDF, or leave the page out with --pages"


def main() -> None:
    """Serve requests on one PDF until the other side closes the channel."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is for the process that started this one
    channel = socket.socket(fileno=CHANNEL)
    Image.preinit()
    send(channel, READY)
    with suppress(Closed):
        wanted = _received(channel)
        _give_up_rights(OWN_BYTES + FILE_COPIES * wanted["bytes"] + DRAWING_BYTES * wanted["max_pixels"])
        data = bytes(receive(channel, wanted["bytes"]))
        try:
            document = _opened(data)
        except RequestError as refusal:
            _send(channel, _refused(refusal))
            return
        _send(channel, {"pages": len(document)})
        while True:
            request = _received(channel)
            _let_work(request["cpu_s"])
            try:
                answer, png = _page(document, request, wanted["max_pixels"])
            except RequestError as refusal:
                answer, png = _refused(refusal), b""
            _send(channel, answer)
            send(channel, png)


def _give_up_rights(most_bytes: int) -> None:
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_AS, most_bytes),
    ):
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def _let_work(seconds: float) -> None:
    """From now on so much more processor time; the kernel ends this process after it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = math.ceil(used.ru_utime + used.ru_stime + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _opened(data: bytes) -> PdfDocument:
    """Raises: RequestError: `pdf_encrypted` or `pdf_damaged`."""
    try:
        document = PdfDocument(data)
        document.init_forms()  # before anything else, or filled fields are not drawn
    except PdfiumError as error:
        if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            hint = "save it without a password first: open it in a PDF viewer and print it to a new PDF"
            raise RequestError("pdf_encrypted", "the PDF asks for a password", hint) from None
        hint = "download it again, or open it in a PDF viewer and print it to a new PDF"
        raise RequestError("pdf_damaged", "the file is no PDF, or a damaged one", hint) from None
    return document


def _page(document: PdfDocument, request: dict[str, Any], max_pixels: int) -> tuple[dict[str, Any], bytes]:
    """The answer on a page and its PNG file.

    Raises:
        RequestError: `pdf_page_damaged` or `pdf_page_too_large`.
    """
    number = request["page"]
    try:
        page = _flat_page(document, number)
        _check_size(page, number, request["dpi"], max_pixels)
        picture = page.render(scale=request["dpi"] / POINTS_PER_INCH, rev_byteorder=True).to_pil().convert("RGB")
        layer = read_text_layer(page, picture) if request["text"] else TextLayer(why_not="its text is not wanted")
        page.close()
    except (PdfiumError, MemoryError) as fault:
        cause = "needs too much memory" if isinstance(fault, MemoryError) else "is damaged"
        raise RequestError("pdf_page_damaged", f"page {number + 1} of the PDF {cause}", NOT_DRAWN) from None
    png = io.BytesIO()
    picture.save(png, "PNG", dpi=(request["dpi"], request["dpi"]))
    words = [[word.text, word.box.left, word.box.top, word.box.right, word.box.bottom] for word in layer.words]
    answer = {"width": picture.width, "height": picture.height, "words": words, "why_not": layer.why_not}
    return answer | {"png": png.tell()}, png.getvalue()


def _flat_page(document: PdfDocument, number: int) -> PdfPage:
    """A page on which filled fields and notes are part of what is written; else their text would not be found."""
    page = document[number]
    if raw.FPDFPage_GetAnnotCount(page) <= 0:
        return page
    raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)
    page.close()
    return document[number]


def _check_size(page: PdfPage, number: int, dpi: float, max_pixels: int) -> None:
    width, height = page.get_size()
    inches = f"{width / POINTS_PER_INCH:.1f} x {height / POINTS_PER_INCH:.1f} inches"
    if width < 1 or height < 1:
        raise RequestError("pdf_page_damaged", f"page {number + 1} of the PDF has no size ({inches})", NOT_DRAWN)
    per_inch = max_pixels**0.5 / (width * height) ** 0.5 * POINTS_PER_INCH
    if dpi > per_inch:
        raise RequestError(
            "pdf_page_too_large",
            f"page {number + 1} of the PDF is {inches}: more than {max_pixels / 1e6:g} megapixels at {dpi:g} dpi",
            f"--dpi {max(1, math.floor(per_inch * 0.99))} fits; or raise MAX_MEGAPIXELS",
        )


def _refused(refusal: RequestError) -> dict[str, Any]:
    return {"code": refusal.code, "message": refusal.message, "hint": refusal.hint}


def _received(channel: socket.socket) -> Any:
    [length] = LENGTH.unpack(receive(channel, LENGTH.size))
    return json.loads(receive(channel, length))


def _send(channel: socket.socket, answer: dict[str, Any]) -> None:
    content = json.dumps(answer).encode()
    send(channel, LENGTH.pack(len(content)), content)


if __name__ == "__main__":
    main()

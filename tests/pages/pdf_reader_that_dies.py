"""A reader of PDFs that crashes on every page, as a hole in PDFium would make it."""

from __future__ import annotations

import os
import signal
from typing import Any

from pypdfium2 import PdfDocument

from backend.pages import pdf_process


def _crash(document: PdfDocument, request: dict[str, Any], max_pixels: int) -> tuple[dict[str, Any], bytes]:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


if __name__ == "__main__":
    pdf_process._page = _crash
    pdf_process.main()

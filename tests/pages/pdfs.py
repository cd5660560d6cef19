"""PDF files whose pages are known, made for the tests."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import fpdf
import matplotlib
from PIL import Image

from tests.drawn import DrawnPage

POINTS = 72
LINES = (
    "Invoice number 1234-5 of the office",
    "Amount due: 12,50 EUR",
    "Please pay within fourteen days",
)
WORDS = " ".join(LINES).split()
DEJAVU = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


def with_lines(lines: Sequence[str] = LINES, *, font: Path | None = None, colour: int = 0) -> fpdf.FPDF:
    """A page of A4 with these lines."""
    pdf = empty()
    pdf.add_page()
    if font is not None:
        pdf.add_font("own", fname=font)
    pdf.set_font("own" if font else "Helvetica", size=14)
    pdf.set_text_color(colour)
    for row, line in enumerate(lines):
        pdf.text(70, 100 + 40 * row, line)
    return pdf


def empty(**page: object) -> fpdf.FPDF:
    """A file without pages, in points; A4 unless told otherwise."""
    pdf = fpdf.FPDF(unit="pt", **{"format": "A4", **page})  # type: ignore[arg-type]
    pdf.set_margin(0)
    pdf.set_auto_page_break(False)
    return pdf


def searchable(pages: Sequence[DrawnPage], *, dpi: float = POINTS) -> bytes:
    """Scans with a hidden layer of text, as programs for archives make them.

    Args:
        dpi: of the drawn pages; a page drawn again with it has their pixels.
    """
    pdf = empty()
    to_points = POINTS / dpi
    for page in pages:
        width, height = page.size
        pdf.add_page(format=(width * to_points, height * to_points))
        picture(pdf, page.image)
        pdf.set_font("Helvetica")
        pdf.text_mode = fpdf.enums.TextMode.INVISIBLE
        for word in page.words:
            pdf.set_font_size(1)
            pdf.set_font_size(word.box.width * to_points / pdf.get_string_width(word.text))
            pdf.text(word.box.left * to_points, word.box.bottom * to_points, word.text)
        pdf.text_mode = fpdf.enums.TextMode.FILL
    return content(pdf)


def picture(pdf: fpdf.FPDF, image: Image.Image) -> None:
    """An image over the whole page."""
    file = BytesIO()
    image.save(file, "PNG")
    pdf.image(file, x=0, y=0, w=pdf.w, h=pdf.h)


def content(pdf: fpdf.FPDF) -> bytes:
    return bytes(pdf.output())

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from backend.document.geometry import Box
from backend.errors import RequestError
from backend.pages import pdf as pdf_module
from backend.pages.pdf import PdfPageImage, open_pdf
from backend.pages.pdf_text import plain_text
from tests.drawn import DrawnPage
from tests.pages.pdfs import DEJAVU, LINES, WORDS, content, empty, picture, searchable, with_lines

DPI = 150
LIMIT = 20_000_000


@pytest.fixture(autouse=True)
def no_limit_of_earlier_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoding in this process, as other tests do it, leaves its limit to all of Pillow."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", LIMIT)


def first_page(data: bytes, *, dpi: float = DPI, text: bool = True) -> PdfPageImage:
    with open_pdf(data, max_pixels=LIMIT) as opened:
        return opened.page(1, dpi=dpi, text=text)


def changed(data: bytes, change: Callable[[pypdfium2.PdfPage], object]) -> bytes:
    """A PDF whose first page was changed."""
    document = pypdfium2.PdfDocument(data)
    change(document[0])
    buffer = BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def ink(page: PdfPageImage, box: Box, margin: int = 3) -> Box:
    """What is drawn dark in a box and right around it."""
    grey = np.asarray(Image.open(BytesIO(page.png)).convert("L"))
    left, top = int(box.left) - margin, int(box.top) - margin
    rows, columns = np.nonzero(grey[top : int(box.bottom) + margin, left : int(box.right) + margin] < 200)
    return Box(left + columns.min(), top + rows.min(), left + columns.max() + 1, top + rows.max() + 1)


def texts(page: PdfPageImage) -> list[str]:
    return sorted(word.text for word in page.words)


def test_the_words_of_a_page_lie_on_their_ink() -> None:
    page = first_page(content(with_lines()))
    assert page.why_not == ""
    assert texts(page) == sorted(WORDS)
    assert all(word.box.iou(ink(page, word.box)) > 0.75 for word in page.words)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_words_lie_on_their_ink_on_a_page_that_is_turned(degrees: int) -> None:
    page = first_page(changed(content(with_lines()), lambda first: first.set_rotation(degrees)))
    assert texts(page) == sorted(WORDS)
    assert all(word.box.iou(ink(page, word.box)) > 0.75 for word in page.words)
    assert (page.width > page.height) == (degrees != 180)


def test_a_page_that_is_cropped_has_the_words_that_are_left() -> None:
    # From the bottom: the first line lies above the crop box.
    page = first_page(changed(content(with_lines()), lambda first: first.set_cropbox(40, 400, 500, 720)))
    assert texts(page) == sorted(" ".join(LINES[1:]).split())
    assert all(word.box.iou(ink(page, word.box)) > 0.75 for word in page.words)


def test_a_hidden_layer_of_text_over_a_scan_is_used(drawn_form: DrawnPage) -> None:
    page = first_page(searchable([drawn_form], dpi=100), dpi=100)
    assert (page.width, page.height) == drawn_form.size
    assert texts(page) == sorted(word.text for word in drawn_form.words)
    truth = {(word.text, round(word.box.left / 20)): word.box for word in drawn_form.words}
    found = [truth[key] for word in page.words if (key := (word.text, round(word.box.left / 20))) in truth]
    assert len(found) > 0.8 * len(page.words)


def test_the_layer_that_tesseract_writes_is_used(drawn_form: DrawnPage, tmp_path: Path) -> None:
    if shutil.which("tesseract") is None:
        pytest.skip("tesseract is not installed")
    drawn_form.image.save(tmp_path / "scan.png", dpi=(100, 100))
    command = ["tesseract", str(tmp_path / "scan.png"), str(tmp_path / "read"), "pdf"]
    subprocess.run(command, check=True, capture_output=True, env={"OMP_THREAD_LIMIT": "1", "PATH": "/usr/bin:/bin"})
    page = first_page((tmp_path / "read.pdf").read_bytes(), dpi=100)
    assert page.why_not == ""
    drawn = {word.text for word in drawn_form.words}
    assert len(drawn & set(texts(page))) > 0.8 * len(drawn)
    by_text = {word.text: word.box for word in drawn_form.words}
    both = [(word.box, by_text[word.text]) for word in page.words if word.text in by_text]
    assert np.median([abs(one.left - other.left) + abs(one.top - other.top) for one, other in both]) < 8


def test_a_note_that_is_drawn_on_the_page_is_read() -> None:
    page = first_page(NOTED)
    assert "remark" in texts(page)


def test_a_page_without_text_is_for_ocr(drawn_form: DrawnPage) -> None:
    pdf = empty()
    pdf.add_page()
    picture(pdf, drawn_form.image)
    page = first_page(content(pdf))
    assert (page.words, page.why_not) == ((), "it has no text")


def test_a_scan_with_a_stamp_is_for_ocr(drawn_form: DrawnPage) -> None:
    pdf = empty()
    pdf.add_page()
    picture(pdf, drawn_form.image)
    pdf.set_font("Helvetica", size=10)
    pdf.text(100, 830, "Received 2026-11-21, archive number 004711, page 1 of 3")
    page = first_page(content(pdf))
    assert page.words == ()
    assert page.why_not.startswith("it has only")


def test_text_that_nobody_sees_is_not_read() -> None:
    pdf = with_lines()
    pdf.set_text_color(255)
    pdf.text(70, 500, "white on white")
    assert texts(first_page(content(pdf))) == sorted(WORDS)


def test_fonts_that_do_not_say_what_they_draw_are_for_ocr() -> None:
    data = content(with_lines(font=DEJAVU))
    assert texts(first_page(data)) == sorted(WORDS)
    page = first_page(data.replace(b"/ToUnicode", b"/NoUnicode"))
    assert page.words == ()
    assert "not readable" in page.why_not


def test_text_is_left_to_ocr_where_that_is_wanted() -> None:
    assert first_page(content(with_lines()), text=False).words == ()


@pytest.mark.parametrize(
    ("drawn", "text"),
    [("oﬃce", "office"), ("na\u0308he", "nähe"), ("line\x02", "line-"), ("a\u200bb", "ab"), ("\ud83d\ude00", "😀")],
)
def test_text_is_written_as_ocr_writes_it(drawn: str, text: str) -> None:
    assert plain_text(drawn) == text


def test_the_pages_of_a_file_are_counted_and_drawn() -> None:
    pdf = with_lines()
    pdf.add_page(format=(200, 100))
    with open_pdf(content(pdf), max_pixels=LIMIT) as opened:
        assert opened.page_count == 2
        second = opened.page(2, dpi=144)
    assert (second.number, second.width, second.height) == (2, 400, 200)
    assert Image.open(BytesIO(second.png)).size == (400, 200)


def test_the_same_page_gives_the_same_image() -> None:
    data = content(with_lines())
    assert first_page(data).png == first_page(data).png


def protected() -> bytes:
    pdf = with_lines()
    pdf.set_encryption(owner_password="owner", user_password="user")
    return content(pdf)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (protected, "pdf_encrypted"),
        (lambda: b"", "pdf_damaged"),
        (lambda: b"%PDF-1.7\nnothing", "pdf_damaged"),
        (lambda: b"\x89PNG and so on", "pdf_damaged"),
        (lambda: content(with_lines())[:300], "pdf_damaged"),
    ],
)
def test_a_file_that_cannot_be_opened_is_refused_with_a_remedy(make: Callable[[], bytes], code: str) -> None:
    with pytest.raises(RequestError) as refused, open_pdf(make(), max_pixels=LIMIT):
        pass
    assert refused.value.code == code
    assert refused.value.hint


def test_a_page_that_is_too_large_names_a_resolution_that_fits() -> None:
    pdf = empty()
    pdf.add_page(format=(14400, 14400))
    with pytest.raises(RequestError, match=r"200\.0 x 200.0 inches") as refused:
        first_page(content(pdf))
    assert refused.value.code == "pdf_page_too_large"
    fits = int(refused.value.hint.split()[1])
    assert first_page(content(pdf), dpi=fits).width > 3000


def test_a_page_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_pdf(content(with_lines()), max_pixels=LIMIT) as opened:
        monkeypatch.setattr(pdf_module, "TOTAL_S", 0.0)
        with pytest.raises(RequestError, match=r"page 1 of the PDF cannot be drawn \(it takes too long"):
            opened.page(1, dpi=DPI)


def test_a_page_that_ends_its_reader_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_module, "MODULE", "tests.pages.pdf_reader_that_dies")
    with pytest.raises(RequestError, match=r"cannot be drawn \(its reader ended with SIGSEGV") as fault:
        first_page(content(with_lines()))
    assert fault.value.code == "pdf_page_damaged"
    assert "--pages" in fault.value.hint


NOTED = b"""%PDF-1.4
1 0 obj
<< /Type /Catalog /Pages 2 0 R >>
endobj
2 0 obj
<< /Type /Pages /Kids [3 0 R] /Count 1 >>
endobj
3 0 obj
<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Contents 4 0 R /Annots [5 0 R]
   /Resources << /Font << /F 7 0 R >> >> >>
endobj
4 0 obj
<< /Length 75 >>
stream
BT /F 14 Tf 40 200 Td (A line of the page itself, long enough to read) Tj ET
endstream
endobj
5 0 obj
<< /Type /Annot /Subtype /FreeText /Rect [40 100 240 130] /F 4 /Contents (remark) /DA (/F 14 Tf)
   /AP << /N 6 0 R >> >>
endobj
6 0 obj
<< /Type /XObject /Subtype /Form /BBox [0 0 200 30] /Resources << /Font << /F 7 0 R >> >> /Length 38 >>
stream
BT /F 14 Tf 10 10 Td (remark) Tj ET
endstream
endobj
7 0 obj
<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>
endobj
trailer
<< /Root 1 0 R >>
%%EOF
"""
"""A page with a note whose look is stored beside it, as viewers store notes and filled fields."""

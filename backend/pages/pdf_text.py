"""The words of a PDF page from its own text, in the pixels of the picture that was drawn of it.

Runs in the process that reads PDFs (`pdf_process.py`); the letters and their places are PDFium's.
"""

from __future__ import annotations

import ctypes
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image
from pypdfium2 import PdfPage, PdfTextPage, raw

from backend.document.geometry import Box, union
from backend.document.page import Word

LEAST_LETTERS = 20
"""Letters and digits below which a page's text is a stamp or a page number, and OCR reads the page."""
LEAST_LETTERS_OVER_PICTURE = 100
"""The same for a page that is mostly one picture: a scan with a line that somebody stamped on it."""
MOSTLY_PICTURE = 0.5
MOST_UNREADABLE = 0.1
"""Share of letters without a meaning, 0 to 1, above which the text is garbage: its font does not say what it draws."""
LEAST_SEEN = 0.5
"""Share of the words, 0 to 1, that must lie on something that is drawn; else it is the text of another page."""
LEAST_CONTRAST = 16
"""Of the grey levels under a word that can be seen, 0 to 255."""
MOST_LETTERS = 100_000

LARGEST_STEP = 1.0
"""Blank space between two letters of one word, in heights of the font; PDFium itself tells most ends of words."""
LARGEST_STEP_BETWEEN = 0.1
"""The same between the places of letters that were written apart: PDFium misses some ends of words placed one by one.
A space takes 0.15 and more; what lies between two letters of a word belongs to their places."""
FINENESS = 16  # PDFium gives whole pixels: of a picture that is so many times larger
HYPHEN_AT_LINE_END = "\x02"  # as PDFium tells it


@dataclass(frozen=True, slots=True)
class TextLayer:
    """What a page's own text comes to.

    Attributes:
        words: in no promised order; empty where the page is for OCR.
        why_not: why its text is not used, for people; empty where it is.
    """

    words: tuple[Word, ...] = ()
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class _Letter:
    """A letter of a page.

    Attributes:
        ink: pixels.
        place: what it takes up of its line, ink and all, in pixels; as high as its font.
        written: which piece of text it was written with.
    """

    text: str
    ink: Box
    place: Box
    written: int


def read_text_layer(page: PdfPage, picture: Image.Image) -> TextLayer:
    """The words of a page, if its text can be trusted.

    Args:
        picture: the whole page as it was drawn; boxes are in its pixels.
    """
    text = page.get_textpage()
    try:
        count = text.count_chars()
        if count > MOST_LETTERS:
            return TextLayer(why_not=f"it has more than {MOST_LETTERS} letters of text")
        if _unreadable_share(text, count) > MOST_UNREADABLE:
            return TextLayer(why_not="its text is not readable: the fonts do not say which letters they draw")
        words = [_word(run) for run in _runs(page, text, count, picture.size)]
    finally:
        text.close()
    grey = picture.convert("L")
    seen = [word for word in words if word is not None and _is_seen(word, grey)]
    letters = sum(letter.isalnum() for word in seen for letter in word.text)
    least = LEAST_LETTERS_OVER_PICTURE if _is_mostly_picture(page) else LEAST_LETTERS
    if letters < least:
        return TextLayer(why_not=f"it has only {letters} letters" if letters else "it has no text")
    if len(seen) < LEAST_SEEN * len(words):
        return TextLayer(why_not="most of its text lies where nothing is drawn")
    return TextLayer(tuple(seen))


def _unreadable_share(text: PdfTextPage, count: int) -> float:
    """Share of the letters that stand for nothing, 0 to 1; 0 without any."""
    letters = unreadable = 0
    for at in range(count):
        letter = chr(raw.FPDFText_GetUnicode(text, at))
        if not letter.isspace() and not raw.FPDFText_IsGenerated(text, at):
            letters += 1
            unreadable += raw.FPDFText_HasUnicodeMapError(text, at) == 1 or _means_nothing(letter)
    return unreadable / letters if letters else 0.0


def _means_nothing(letter: str) -> bool:
    """A control character, one of private use or one that Unicode does not know."""
    if letter == HYPHEN_AT_LINE_END:
        return False
    return letter in "\ufffd\ufffe" or unicodedata.category(letter) in ("Cc", "Co", "Cn")


def _runs(page: PdfPage, text: PdfTextPage, count: int, size: tuple[int, int]) -> Iterator[list[_Letter]]:
    """Letters that make a word: no white space between them and no wide step, in whatever direction the line goes."""
    run: list[_Letter] = []
    for at in range(count):
        letter = _letter(page, text, at, size)
        if run and (letter is None or not _goes_on(run[-1], letter)):
            yield run
            run = []
        if letter is not None:
            run.append(letter)
    if run:
        yield run


def _letter(page: PdfPage, text: PdfTextPage, at: int, size: tuple[int, int]) -> _Letter | None:
    """A letter in pixels of the picture; None for white space and what PDFium added."""
    code = raw.FPDFText_GetUnicode(text, at)
    letter = chr(code)
    if code == 0 or letter.isspace() or raw.FPDFText_IsGenerated(text, at):
        return None
    ink = _on_picture(page, text.get_charbox(at), size)
    place = _on_picture(page, text.get_charbox(at, loose=True), size)
    written = ctypes.cast(raw.FPDFText_GetTextObject(text, at), ctypes.c_void_p).value or 0
    return _Letter(letter, ink, place, written)


def _goes_on(letter: _Letter, next_letter: _Letter) -> bool:
    """Whether two letters, one behind the other, are of one word."""
    largest = LARGEST_STEP if letter.written == next_letter.written else LARGEST_STEP_BETWEEN
    size = max(letter.place.height, next_letter.place.height)
    return _step(letter.place, next_letter.place) <= largest * size


def _on_picture(page: PdfPage, corners: tuple[float, float, float, float], size: tuple[int, int]) -> Box:
    """A box of the PDF (left, bottom, right, top in points from the bottom left) in pixels of the picture.

    PDFium knows what the page's rotation and crop box make of it.
    """
    left, bottom, right, top = corners
    (x0, y0), (x1, y1) = (_point(page, x, y, size) for x, y in ((left, top), (right, bottom)))
    return Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))


def _point(page: PdfPage, x: float, y: float, size: tuple[int, int]) -> tuple[float, float]:
    across, down = ctypes.c_int(), ctypes.c_int()
    width, height = size[0] * FINENESS, size[1] * FINENESS
    raw.FPDF_PageToDevice(page, 0, 0, width, height, 0, x, y, across, down)
    return across.value / FINENESS, down.value / FINENESS


def _step(one: Box, other: Box) -> float:
    """Blank space between two boxes, across or down, whichever is more."""
    across = max(one.left, other.left) - min(one.right, other.right)
    down = max(one.top, other.top) - min(one.bottom, other.bottom)
    return max(across, down)


def _word(run: list[_Letter]) -> Word | None:
    """The word that letters make; None where nothing is left to read."""
    text = plain_text("".join(letter.text for letter in run))
    box = union(letter.ink for letter in run)
    return Word(text, box, 1.0) if text and box.area else None


def plain_text(text: str) -> str:
    """Text as an OCR engine writes it: ligatures and accents as letters, no marks that are not drawn."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # letters that came in two halves
    text = text.replace(HYPHEN_AT_LINE_END, "-").replace("\u00ad", "-")
    text = "".join(unicodedata.normalize("NFKC", one) if "\ufb00" <= one <= "\ufb06" else one for one in text)
    drawn = (one for one in unicodedata.normalize("NFC", text) if unicodedata.category(one) not in ("Cc", "Cf", "Cs"))
    return "".join("".join(drawn).split())


def _is_seen(word: Word, grey: Image.Image) -> bool:
    """Whether something is drawn where the word is said to be."""
    on_page = word.box.clipped(*grey.size)
    if on_page.area < word.box.area / 2:
        return False
    corners = (int(on_page.left), int(on_page.top), int(on_page.right) + 1, int(on_page.bottom) + 1)
    levels = np.asarray(grey.crop(corners), np.int64)
    return int(levels.max() - levels.min()) >= LEAST_CONTRAST


def _is_mostly_picture(page: PdfPage) -> bool:
    whole = page.get_width() * page.get_height()
    covered = 0.0
    for picture in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        left, bottom, right, top = picture.get_bounds()
        covered += max(0.0, right - left) * max(0.0, top - bottom)
    return bool(covered >= MOSTLY_PICTURE * whole)

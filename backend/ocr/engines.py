"""OCR engines of one's own: found by the name of an entry point or by a dotted path, and kept from doing harm.

docs/OCR.md shows how to write one. An engine is made with the keywords `languages` (Tesseract's names, joined by `+`)
and `timeout_s`, and has what `OcrEngine` asks for.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any

from PIL import Image

from backend.document.page import Word
from backend.errors import BackendError, ServiceError, TaskError
from backend.ocr.engine import OcrEngine
from backend.ocr.installed import GROUP, installed_engines

LOG = logging.getLogger(__name__)


def load_own_engine(name: str, *, languages: str, timeout_s: float) -> OwnEngine:
    """The engine of an entry point's name or a dotted path (`package.module:Engine`), made.

    Raises:
        ServiceError: `ocr_engine`: there is none of that name, or it cannot be imported, made or asked for its
            identity. The message says which and names the kind of error; the log has the rest.
    """
    make = _named(name)
    try:
        engine = make(languages=languages, timeout_s=timeout_s)
        identity = engine.identity
    except BackendError:
        raise  # an engine may say itself what is missing
    except Exception as error:  # code of somebody else, which may raise anything
        LOG.exception("OCR engine cannot be made", extra={"engine": name})
        raise _unusable(name, f"cannot be made ({_named_error(error)})") from error
    if not isinstance(identity, str) or not identity or not callable(getattr(engine, "read", None)):
        raise _unusable(name, "has no text as its identity, or no method read")
    return OwnEngine(name, engine, f"{name} {identity} {languages}")


class OwnEngine:
    """An engine of somebody else: what it raises and what it gives are made fit for the rest of the product.

    Attributes:
        identity: its name, what it says of itself, and the languages; so that none of these mixes with another.
    """

    def __init__(self, name: str, engine: OcrEngine, identity: str) -> None:
        self.name = name
        self.engine = engine
        self.identity = identity

    def read(self, image: Image.Image) -> list[Word]:
        """The words that it reads, their boxes cut to the page, those without text or area left out.

        Raises:
            TaskError: `ocr_failed`: it failed, or gave something that is no list of words.
            BackendError: what it raises of that kind itself.
        """
        try:
            words = self.engine.read(image)
        except BackendError:
            raise
        except Exception as error:  # as above
            LOG.exception("OCR engine failed", extra={"engine": self.name, "code": "ocr_failed"})
            raise self._failed(f"failed ({_named_error(error)})") from error
        if not isinstance(words, list) or not all(isinstance(word, Word) for word in words):
            raise self._failed("gave something that is no list of Word")
        return [fit for word in words if (fit := _on_page(word, image.size))]

    def _failed(self, how: str) -> TaskError:
        return TaskError("ocr_failed", f"the OCR engine {self.name!r} {how}", "the backend's log has the details")


def _on_page(word: Word, size: tuple[int, int]) -> Word | None:
    """A word as the product wants it: no white space, box in the page, confidence from 0 to 1; None without any."""
    sides = (word.box.left, word.box.top, word.box.right, word.box.bottom)
    text = "".join(word.text.split())
    if not text or not all(map(math.isfinite, sides)):
        return None
    box = word.box.clipped(*size)
    confidence = word.confidence if math.isfinite(word.confidence) else 0.0
    return Word(text, box, min(1.0, max(0.0, confidence))) if box.area > 0 else None


def _named(name: str) -> Callable[..., Any]:
    """What makes the engine of a name."""
    point = EntryPoint(name, name, GROUP) if ":" in name else installed_engines().get(name)
    if point is None:
        raise _unusable(name, f"is not installed: no package has an entry point of that name in the group {GROUP}")
    try:
        make = point.load()
    except Exception as error:  # whatever a module raises while it is imported
        LOG.exception("OCR engine cannot be imported", extra={"engine": name})
        raise _unusable(name, f"cannot be imported ({_named_error(error)})") from error
    if not callable(make):
        raise _unusable(name, "is nothing that can be called")
    made: Callable[..., Any] = make
    return made


def _named_error(error: Exception) -> str:
    """The kind of an error; its text may hold paths of this machine, the name of a missing module does not."""
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    return f"{type(error).__name__}: {missing}" if missing else type(error).__name__


def _unusable(name: str, why: str) -> ServiceError:
    return ServiceError(
        "ocr_engine", f"the OCR engine {name!r} {why}", "the backend's log has the details; docs/OCR.md shows an engine"
    )

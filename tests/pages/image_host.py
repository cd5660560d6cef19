"""A Label Studio with images of every kind, a backend that predicts them, and what it makes of one among good ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.document.page import Page, PageRef, Word
from backend.label_studio.config import parse_labeling_config
from backend.model.live import LoadedVersion
from backend.model.tagger import PageTagger
from backend.ocr.cache import OcrCache
from backend.ocr.engine import OcrEngine
from backend.ocr.tesseract import TesseractEngine
from backend.pages.fetch import Fetcher
from backend.pipelines.connection import Connection
from backend.pipelines.predict import PredictAnswer, Scene, predict_tasks
from backend.pipelines.reading import PageReader
from backend.training.align import align
from backend.training.fit_crf import fit_crf
from tests.drawn import DrawnPage
from tests.memorised import png
from tests.mixed_faults import CONFIG, LABELS, good_page
from tests.pages.loopback import Answer, Asked, Listener, reply

GOOD = "/data/upload/1/good.png"
TOKEN = {"Authorization": "Token of-label-studio"}
QUICK = {"connect_s": 1.0, "gap_s": 1.0, "total_s": 3.0, "pause_s": 0.01, "max_bytes": 50_000_000}

Json = dict[str, Any]


@dataclass
class ImageHost:
    """A Label Studio on loopback, and a backend with a version that knows the good page.

    Attributes:
        answers: what it answers by target; any other is 404.
        fetched: the addresses of images as they arrived, and when by the monotonic clock.
    """

    reader: PageReader
    version: LoadedVersion
    answers: dict[str, Callable[[], Answer]] = field(default_factory=dict)
    fetched: list[tuple[str, float]] = field(default_factory=list)
    url: str = ""

    def answer(self, asked: Asked) -> Answer:
        return self.answers.get(asked.target, lambda: reply(status=404))()

    def serve(self, data: bytes, target: str = "/data/upload/1/page", **headers: str) -> str:
        """Serve these bytes; gives what stands in the task's data."""
        return self.serve_answer(lambda: reply(data, **headers), target)

    def serve_answer(self, answer: Callable[[], Answer], target: str = "/data/upload/1/page") -> str:
        self.answers[target] = answer
        return target

    def scene(self, **limits: Any) -> Scene:
        fetcher = Fetcher(**{"origin": self.url, "auth": lambda: TOKEN, **QUICK, **limits})
        connection = Connection(self.url, "", None, fetcher)

        def fetch(ref: PageRef) -> bytes:
            data = connection.fetch(ref)
            self.fetched.append((ref.url, time.monotonic()))
            return data

        return Scene(
            config=parse_labeling_config(CONFIG),
            reader=self.reader,
            fetch=fetch,
            version=self.version,
            context=None,
            deadline=time.monotonic() + 60,
        )

    def predict(self, *values: Any, **limits: Any) -> PredictAnswer:
        tasks = [{"id": number, "data": {"image": value}} for number, value in enumerate(values, start=1)]
        return predict_tasks(tasks, self.scene(**limits))

    def entry(self, value: Any, **limits: Any) -> Json:
        """The prediction of a page."""
        answer = self.predict(value, **limits)
        assert answer.errors == []
        [entry] = answer.results
        assert isinstance(entry, dict)
        assert entry["model_version"] == self.version.name
        return entry

    def error(self, value: Any, **limits: Any) -> Json:
        """Why a page's entry is empty, which it must be, while the good pages before and behind it are predicted."""
        answer = self.predict(GOOD, value, GOOD, **limits)
        first, empty, last = answer.results
        for good in (first, last):
            assert isinstance(good, dict)
            assert good["result"]
        assert empty == []
        [error] = answer.errors
        assert (error["task"], error["index"]) == (2, 1)
        return error

    def code(self, value: Any, **limits: Any) -> str:
        code: str = self.error(value, **limits)["code"]
        return code


def tagger_of(drawn: DrawnPage) -> PageTagger:
    """A fast learner that knows a page."""
    page = Page(*drawn.size, tuple(Word(word.text, word.box, 0.96, at) for at, word in enumerate(drawn.words)))
    return PageTagger(fast=fit_crf([(page, align(page, drawn.boxes, LABELS))], LABELS))


@contextmanager
def image_host(folder: Path, engine: OcrEngine | None = None) -> Iterator[ImageHost]:
    """A running host with the good page.

    Args:
        folder: of the OCR cache.
    """
    reader = PageReader(engine or TesseractEngine("eng"), OcrCache(folder), 100_000_000)
    host = ImageHost(reader, LoadedVersion(7, tagger_of(good_page(0))))
    host.serve(png(good_page(0).image), GOOD)
    with Listener(host.answer) as listener:
        host.url = listener.url
        yield host

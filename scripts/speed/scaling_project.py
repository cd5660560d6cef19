"""A project of pages made of words: its export, its pages in the cache of OCR, and a version that serves it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.document.page import Page, PageRef
from backend.label_studio.results import box_to_percent
from backend.ocr.cache import OcrCache
from backend.pipelines.reading import PageReader
from scripts.speed.scaling_pages import WordPage, labelling_config, word_page


class NoEngine:
    """An OCR engine for pages that were all read before."""

    identity = "none"

    def read(self, image: Any) -> Any:
        raise AssertionError("every page is in the cache")


@dataclass(frozen=True, slots=True)
class WordProject:
    """A Label Studio with one project, all of it annotated, and the reader of its pages."""

    labels: Sequence[str]
    page_count: int
    words: int
    reader: PageReader

    def fingerprint(self, project_id: int) -> str:
        return str(self.page_count)

    def project(self, project_id: int) -> dict[str, Any]:
        return {"id": project_id, "label_config": labelling_config(self.labels)}

    def annotated_tasks(self, project_id: int) -> Iterator[dict[str, Any]]:
        for number in range(1, self.page_count + 1):
            results = _results(word_page(self.words, self.labels, number))
            yield self.task(number) | {"annotations": [{"id": number, "result": results, "was_cancelled": False}]}

    def task(self, number: int) -> dict[str, Any]:
        """A task as a request carries it."""
        return {"id": number, "data": {"image": f"/data/upload/1/{number}.png"}}

    def fetch(self, ref: PageRef) -> bytes:
        """Stands for the image's file."""
        return ref.url.encode()


def make_project(folder: Path, labels: Sequence[str], page_count: int, words: int) -> WordProject:
    """A project whose pages are in the cache of a folder."""
    reader = PageReader(NoEngine(), OcrCache(folder / "ocr"), 10**8)
    project = WordProject(labels, page_count, words, reader)
    for number in range(1, page_count + 1):
        page: Page = word_page(words, labels, number).page()
        reader.cache.put(f"/data/upload/1/{number}.png".encode(), NoEngine.identity, page)
    return project


def _results(page: WordPage) -> list[dict[str, Any]]:
    """The boxes of a page as the editor saves them."""
    return [
        {
            "id": str(number),
            "type": "rectanglelabels",
            "from_name": "label",
            "to_name": "image",
            "value": {**(box_to_percent(box.box, page.size) or {}), "rectanglelabels": [box.label]},
        }
        for number, box in enumerate(page.boxes)
    ]

"""Annotated drawn pages as Label Studio exports them, and their images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from backend.document.page import PageRef
from backend.errors import TaskError
from tests.drawn import DrawnPage
from tests.flows.conftest import drawn_results, png


class DrawnProject:
    """A Label Studio with one project of drawn pages, all annotated; a source of annotations and of images."""

    def __init__(self, label_config: str, pages: Sequence[DrawnPage]) -> None:
        self.label_config = label_config
        self.images = {f"/data/upload/1/page{number}.png": png(page.image) for number, page in enumerate(pages)}
        self.tasks = [
            {
                "id": number + 1,
                "data": {"image": url},
                "annotations": [{"id": number, "result": drawn_results(page), "was_cancelled": False}],
            }
            for number, (page, url) in enumerate(zip(pages, self.images, strict=True))
        ]

    def fingerprint(self, project_id: int) -> str:
        return f"{len(self.tasks)} tasks"

    def project(self, project_id: int) -> dict[str, Any]:
        return {"id": project_id, "label_config": self.label_config}

    def annotated_tasks(self, project_id: int) -> Iterator[dict[str, Any]]:
        yield from self.tasks

    def fetch(self, ref: PageRef) -> bytes:
        if ref.url not in self.images:
            raise TaskError("image_http_404", "the image is gone")
        return self.images[ref.url]

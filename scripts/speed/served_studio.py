"""As much of Label Studio as the backend asks for: pages and annotations of some projects, over HTTP on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scripts.bench.pages import BenchPage

Json = dict[str, Any]

SAVED_AT = "2026-01-01T00:00:00Z"


@dataclass(slots=True)
class StandInStudio:
    """One labeling configuration for all its projects, which all have the same annotated tasks.

    Attributes:
        url: to be given to the backend as `LABEL_STUDIO_URL`.
        annotated: tasks with their annotations, by ascending id.
        images: by path what is served.
    """

    url: str
    label_config: str
    annotated: list[Json] = field(default_factory=list)
    images: dict[str, bytes] = field(default_factory=dict)

    def upload(self, images: Sequence[bytes]) -> list[Json]:
        """A task without annotations for each image, as Label Studio sends it to `/predict`."""
        tasks = []
        for image in images:
            number = len(self.images) + 1
            path = f"/data/upload/1/page{number}.png"
            self.images[path] = image
            tasks.append({"id": number, "data": {"image": path}, "annotations": [], "predictions": []})
        return tasks

    def annotate(self, pages: Sequence[BenchPage]) -> None:
        """Add tasks with the true annotations."""
        for task, page in zip(self.upload([page.image for page in pages]), pages, strict=True):
            annotation = {"id": task["id"], "result": page.results, "was_cancelled": False, "updated_at": SAVED_AT}
            self.annotated.append(task | {"annotations": [annotation], "updated_at": SAVED_AT})

    def project(self, number: int) -> Json:
        return {"id": number, "label_config": self.label_config, "total_annotations_number": len(self.annotated)}

    def listed(self, query: Json, page_size: int) -> Json:
        """A page of the annotated tasks; the unlabelled ones are not told of."""
        filters = {item["filter"]: item["value"] for item in query["filters"]["items"]}
        if "filter:tasks:total_annotations" not in filters:
            return {"tasks": [], "total": 0}
        found = [task for task in self.annotated if task["id"] > filters.get("filter:tasks:id", 0)]
        return {"tasks": found[:page_size], "total": len(found)}


class _Handler(BaseHTTPRequestHandler):
    studio: StandInStudio

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path in self.studio.images:
            self._answer(200, "image/png", self.studio.images[asked.path])
        elif asked.path == "/api/tasks/":
            parameters = {name: values[0] for name, values in parse_qs(asked.query).items()}
            listed = self.studio.listed(json.loads(parameters["query"]), int(parameters["page_size"]))
            self._answer(200, "application/json", json.dumps(listed).encode())
        elif asked.path.startswith("/api/projects/"):
            project = self.studio.project(int(asked.path.strip("/").rpartition("/")[2]))
            self._answer(200, "application/json", json.dumps(project).encode())
        else:
            self._answer(404, "application/json", b"{}")

    def _answer(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the figures are what is printed."""


@contextmanager
def stand_in_studio(label_config: str) -> Iterator[StandInStudio]:
    """A stand-in that answers until the end of the block."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.studio = StandInStudio(f"http://127.0.0.1:{server.server_port}", label_config)  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield handler.studio  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()

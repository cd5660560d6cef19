"""As much of Label Studio as the backend asks for: pages and annotations of some projects, over HTTP on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, urlsplit

from scripts.bench.pages import BenchPage

Json = dict[str, Any]

SAVED_AT = "2026-01-01T00:00:00Z"


class Studio(Protocol):
    """What is asked of a stand-in."""

    @property
    def images(self) -> Mapping[str, bytes]:
        """By path what is served."""

    def project(self, number: int) -> Json:
        """A project with its labeling configuration and counters."""

    def listed(self, project: int, query: Json, page_size: int) -> Json:
        """The first tasks that a query of the task list means, and how many it means in all."""


AnyStudio = TypeVar("AnyStudio", bound=Studio)


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

    def listed(self, project: int, query: Json, page_size: int) -> Json:
        """A page of the annotated tasks; the unlabelled ones are not told of."""
        filters = {item["filter"]: item["value"] for item in query["filters"]["items"]}
        if "filter:tasks:total_annotations" not in filters:
            return {"tasks": [], "total": 0}
        found = [task for task in self.annotated if task["id"] > filters.get("filter:tasks:id", 0)]
        return {"tasks": found[:page_size], "total": len(found)}


class _Handler(BaseHTTPRequestHandler):
    studio: Studio

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path in self.studio.images:
            self._answer(200, "image/png", self.studio.images[asked.path])
        elif asked.path == "/api/tasks/":
            parameters = {name: values[0] for name, values in parse_qs(asked.query).items()}
            project, page_size = int(parameters["project"]), int(parameters["page_size"])
            listed = self.studio.listed(project, json.loads(parameters["query"]), page_size)
            self._answer(200, "application/json", json.dumps(listed).encode())
        elif asked.path.startswith("/api/projects/"):
            described = self.studio.project(int(asked.path.strip("/").rpartition("/")[2]))
            self._answer(200, "application/json", json.dumps(described).encode())
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


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: who asked may be killed before it has its answer."""


@contextmanager
def stand_in_studio(label_config: str) -> Iterator[StandInStudio]:
    """A stand-in that answers until the end of the block."""
    with serve(lambda url: StandInStudio(url, label_config)) as studio:
        yield studio


@contextmanager
def serve(make: Callable[[str], AnyStudio]) -> Iterator[AnyStudio]:
    """A stand-in, made with its address, that answers until the end of the block."""
    handler = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", 0), handler)
    studio = make(f"http://127.0.0.1:{server.server_port}")
    handler.studio = studio  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield studio
    finally:
        server.shutdown()
        server.server_close()

"""What the measurements of pages have in common: models, pages that can be fetched, and a process for each way."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.bench.pages import BenchPage
from scripts.speed import ours, plain
from scripts.speed.models import PROJECTS, save_versions, version_folder
from scripts.speed.pages import serve_pages
from scripts.speed.processes import fresh_process

Task = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Workbench:
    """Both ways, ready to go over the same pages.

    Attributes:
        tasks: one for each page.
    """

    data_dir: Path
    pages: Sequence[BenchPage]
    tasks: Sequence[Task]
    _plain: ProcessPoolExecutor
    _ours: ProcessPoolExecutor

    def plain(self, size: str, page: int) -> plain.PlainPage:
        """A page, read the plain way."""
        folder = version_folder(self.data_dir, size)
        return self._plain.submit(plain.read_page, folder, self.pages[page].image).result()

    def ours(self, size: str, first: int, count: int = 1, *, cold: bool, engine: str = ours.TESSERACT) -> ours.Request:
        """A request of `count` pages from page `first` on."""
        tasks = self.tasks[first : first + count]
        return self._ours.submit(ours.request, self.data_dir, engine, PROJECTS[size], tasks, cold=cold).result()

    def encode(self, size: str, page: int) -> float:
        """Seconds to encode a page that was read before."""
        task = self.tasks[page]
        return self._ours.submit(ours.encode, self.data_dir, ours.TESSERACT, PROJECTS[size], task).result()

    def core_seconds(self, size: str) -> list[tuple[float, float]]:
        """For each page the processor seconds of reading it and of the model, on one core."""
        with fresh_process(on_one_core=True) as process:
            return [
                process.submit(ours.core_seconds, self.data_dir, ours.TESSERACT, PROJECTS[size], task).result()
                for task in self.tasks
            ]


@contextmanager
def workbench(pages: Sequence[BenchPage], seed: int) -> Iterator[Workbench]:
    """A workbench with these pages; the seed is that of the random weights."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serve_pages(pages) as served,
        fresh_process(plain=True) as plain_process,
        fresh_process() as our_process,
    ):
        data_dir = Path(folder)
        our_process.submit(save_versions, data_dir, seed).result()
        yield Workbench(data_dir, served.pages, served.tasks, plain_process, our_process)

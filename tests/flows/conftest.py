"""A real Label Studio for the whole run of the flows; the backend is started by each flow."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.drawn import DrawnPage
from tests.drawn.uploads import drawn_results, png
from tests.studio import Studio, label_studio

__all__ = ["drawn_results", "files", "label_config", "png", "studio"]

CONFIGS = Path(__file__).resolve().parents[2] / "label_configs"


@pytest.fixture(scope="session")
def studio() -> Iterator[Studio]:
    program = os.environ.get("LABEL_STUDIO_BIN", "")
    if not program:
        pytest.skip("LABEL_STUDIO_BIN is not set: make test installs Label Studio and sets it")
    with label_studio(program) as running:
        yield running


def label_config(name: str) -> str:
    return (CONFIGS / f"{name}.xml").read_text(encoding="utf-8")


def files(pages: Sequence[DrawnPage], name: str) -> list[tuple[str, bytes]]:
    """The pages as files to upload, in an order that their names keep."""
    return [(f"{name}{number:03}.png", png(page.image)) for number, page in enumerate(pages)]

"""A real Label Studio for the whole run of the flows; the backend is started by each flow."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from backend.document.region import LabelledBox
from backend.label_studio.results import box_to_percent
from tests.drawn import DrawnPage
from tests.studio import Studio, label_studio

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


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def drawn_results(page: DrawnPage) -> list[dict[str, Any]]:
    """What a person who draws the true boxes submits."""
    return [_result(box, page.size, number) for number, box in enumerate(page.boxes)]


def _result(box: LabelledBox, size: tuple[int, int], number: int) -> dict[str, Any]:
    percent = box_to_percent(box.box, size)
    assert percent is not None
    return {
        "id": f"drawn{number}",
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
        "original_width": size[0],
        "original_height": size[1],
        "image_rotation": 0,
        "value": {**percent, "rotation": 0, "rectanglelabels": [box.label]},
    }

"""Drawn pages as Label Studio takes them: the file, and the annotation of a person who draws the true boxes."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from backend.document.region import LabelledBox
from backend.label_studio.results import box_to_percent
from tests.drawn.canvas import DrawnPage


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def drawn_results(page: DrawnPage) -> list[dict[str, Any]]:
    """What a person who draws the true boxes submits, under the names of `label_configs/`."""
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

"""From the regions of a page to the results that Label Studio's editor shows. Percent begins here."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

from backend.document.geometry import Box
from backend.document.region import Region
from backend.label_studio.config import LabelingConfig


def regions_to_results(
    regions: Sequence[Region], *, page_size: tuple[int, int], config: LabelingConfig, item_index: int
) -> list[dict[str, Any]]:
    """The results of one page, in the order of its regions.

    Boxes are cut at the edge of the page. A region of no area on the page, or with a label that the configuration
    does not have, gives no result: Label Studio would refuse it, and with it the whole batch.

    Args:
        page_size: width and height of the upright page in pixels.
        item_index: number of the page in its task, from 0.
    """
    results = []
    for number, region in enumerate(regions):
        value = box_to_percent(region.box, page_size)
        label = config.name_of(region.label)
        if value is None or label is None:
            continue
        common = {
            "id": _result_id(region, item_index, number),
            "to_name": config.image,
            "original_width": page_size[0],
            "original_height": page_size[1],
            "image_rotation": 0,
            "item_index": item_index,
        }
        rectangle = {
            **common,
            "from_name": config.control,
            "type": "rectanglelabels",
            "value": {**value, "rectanglelabels": [label]},
            "score": _unit(region.score),
        }
        results.append(rectangle)
        if not region.text:
            continue
        if config.text_control is None:
            rectangle["meta"] = {"text": [region.text]}
        else:
            text_value = {**value, "text": [region.text]}
            results.append({**common, "from_name": config.text_control, "type": "textarea", "value": text_value})
    return results


def box_to_percent(box: Box, page_size: tuple[int, int]) -> dict[str, float] | None:
    """x, y, width, height in percent and rotation 0, cut at the edge; None where nothing is left of the box."""
    width, height = page_size
    inside = box.clipped(width, height)
    if not inside.width > 0 or not inside.height > 0:  # also true of NaN
        return None
    x, y = 100 * inside.left / width, 100 * inside.top / height
    value = {
        "x": x,
        "y": y,
        # The smaller of two roundings, so that x + width never passes the edge.
        "width": min(100 * inside.right / width - x, 100 - x),
        "height": min(100 * inside.bottom / height - y, 100 - y),
        "rotation": 0,
    }
    return value if value["width"] > 0 and value["height"] > 0 else None


def _result_id(region: Region, item_index: int, number: int) -> str:
    """Ten characters: equal for equal regions, different for the regions of one task."""
    box = region.box
    facts = (item_index, number, region.label, box.left, box.top, box.right, box.bottom)
    return hashlib.sha256(repr(facts).encode("utf-8", "backslashreplace")).hexdigest()[:10]


def _unit(score: float) -> float:
    """A score as Label Studio takes it: 0 to 1, and 0 where there is none."""
    return min(1.0, max(0.0, score)) if math.isfinite(score) else 0.0

"""From the regions of a page to the results that Label Studio's editor shows. Percent begins here."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

from backend.document.geometry import Box
from backend.document.region import Region
from backend.label_studio.config import LabelingConfig


def regions_to_results(
    regions: Sequence[Region], *, page_size: tuple[int, int], config: LabelingConfig, item_index: int
) -> list[dict[str, Any]]:
    """The results of one page, in the order of its regions: the box, with Labels its label apart, and its text.

    Boxes are cut at the edge of the page. A region of no area on the page, or with a label that the configuration
    does not have, gives no result: Label Studio would refuse it, and with it the whole batch. What a person drew
    may be without a label.

    Args:
        page_size: width and height of the upright page in pixels.
        item_index: number of the page in its task, from 0.
    """
    results = []
    for number, region in enumerate(regions):
        place = box_to_percent(region.box, page_size)
        label = config.name_of(region.label)
        if place is None or (label is None and not region.drawn_id):
            continue
        common = {
            "id": region.drawn_id or _result_id(region, item_index, number),
            "to_name": config.image,
            "original_width": page_size[0],
            "original_height": page_size[1],
            "image_rotation": 0,
            "item_index": item_index,
        }
        results += [{**common, **part} for part in _parts(region, place, [label] if label else [], config)]
    return results


def _parts(
    region: Region, place: dict[str, float], labels: list[str], config: LabelingConfig
) -> Iterator[dict[str, Any]]:
    """What differs between the results of one region."""
    told = {"score": _unit(region.score)} | _meta(region, config)
    if config.shape_control:
        yield {"from_name": config.shape_control, "type": "rectangle", "value": place, **told}
    if labels or not config.shape_control:
        value = {**place, config.label_type: labels}
        yield {"from_name": config.control, "type": config.label_type, "value": value, **told}
    if region.text and config.text_control is not None:
        value = {**place, "text": [region.text]}
        yield {"from_name": config.text_control, "type": "textarea", "value": value}


def _meta(region: Region, config: LabelingConfig) -> dict[str, Any]:
    """The note that the editor shows of a region: its text where no TextArea does, and what it stands for.

    `text` has one line, for the editor puts several together without anything between them. Whatever else stands in
    `meta` the editor keeps.
    """
    read = region.text if config.text_control is None else ""
    if region.value is None:
        return {"meta": {"text": [read]}} if read else {}
    note = f"{read} = {region.value}" if read and read != region.value else region.value
    return {"meta": {"text": [note], "value": region.value}}


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

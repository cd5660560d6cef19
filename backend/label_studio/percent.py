"""Geometry of Label Studio's results, in percent of a page, to pixels. Percent ends here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from backend.document.geometry import Box, union

SMALLEST = 1e-9
"""Pixels; sines are not exact."""


def rectangle(value: Mapping[str, Any], size: tuple[int, int]) -> tuple[Box, float] | str:
    """The box in pixels and its rotation in degrees (0 to 360), or the reason why there is none.

    Upright boxes are cut at the edge of the page. A turned box keeps its rotation around its top left corner and is
    not cut.
    """
    numbers = [number(value.get(key)) for key in ("x", "y", "width", "height")]
    rotation = number(value.get("rotation") or 0)
    if rotation is None or None in numbers:
        return "bad_geometry"
    x, y, width, height = (found for found in numbers if found is not None)
    if width <= 0 or height <= 0:
        return "bad_geometry"
    box = Box(x, y, x + width, y + height).scaled(size[0] / 100, size[1] / 100)
    rotation %= 360
    visible = turned_bounds(box, rotation).clipped(*size)
    if min(visible.width, visible.height) < SMALLEST:
        return "outside_page"
    return (visible, 0.0) if rotation == 0 else (box, rotation)


def turned_bounds(box: Box, rotation: float) -> Box:
    """The upright box around a box turned clockwise around its top left corner."""
    if rotation == 0:
        return box
    cosine, sine = math.cos(math.radians(rotation)), math.sin(math.radians(rotation))
    corners = [(0.0, 0.0), (box.width, 0.0), (0.0, box.height), (box.width, box.height)]
    turned = [(across * cosine - down * sine, across * sine + down * cosine) for across, down in corners]
    return around((box.left + x, box.top + y) for x, y in turned)


def around(points: Iterable[tuple[float, float]]) -> Box:
    """The smallest upright box around points."""
    return union(Box(x, y, x, y) for x, y in points)


def number(value: object) -> float | None:
    """A finite number of a sensible size; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        return None
    return float(value)

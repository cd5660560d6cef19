"""Boxes in page pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Corners = NDArray[np.float64]
"""(N, 4) left, top, right and bottom of boxes."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in page pixels, origin top left; right and bottom lie just outside of it."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return max(0.0, self.right - self.left)

    @property
    def height(self) -> float:
        return max(0.0, self.bottom - self.top)

    @property
    def area(self) -> float:
        return self.width * self.height

    @property
    def center(self) -> tuple[float, float]:
        """The middle as (x, y) in pixels."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def intersection(self, other: Box) -> Box:
        """The common part; a box of no area where there is none."""
        return Box(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )

    def iou(self, other: Box) -> float:
        """Intersection over union, 0 to 1."""
        common = self.intersection(other).area
        total = self.area + other.area - common
        return common / total if total > 0 else 0.0

    def clipped(self, width: float, height: float) -> Box:
        """The part that lies on a page of this size in pixels."""
        return self.intersection(Box(0, 0, width, height))

    def scaled(self, factor_x: float, factor_y: float) -> Box:
        """The same box on a page enlarged by the two factors."""
        return Box(self.left * factor_x, self.top * factor_y, self.right * factor_x, self.bottom * factor_y)


def union(boxes: Iterable[Box]) -> Box:
    """The smallest box around all of them.

    Raises:
        ValueError: there are none.
    """
    found = list(boxes)
    if not found:
        raise ValueError("a union needs at least one box")
    return Box(
        min(box.left for box in found),
        min(box.top for box in found),
        max(box.right for box in found),
        max(box.bottom for box in found),
    )


def corners(boxes: Iterable[Box]) -> Corners:
    """(N, 4) the boxes as one array, for work on many of them at a time."""
    return np.array([(box.left, box.top, box.right, box.bottom) for box in boxes], np.float64).reshape(-1, 4)


def areas(boxes: Corners) -> NDArray[np.float64]:
    """(N,) as `Box.area`."""
    sides: Corners = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0)
    found: NDArray[np.float64] = sides[:, 0] * sides[:, 1]
    return found


def common_areas(boxes: Corners, others: Corners) -> NDArray[np.float64]:
    """(N, M) the area that each of the boxes has in common with each of the others."""
    across = np.minimum(boxes[:, None, 2], others[:, 2]) - np.maximum(boxes[:, None, 0], others[:, 0])
    down = np.minimum(boxes[:, None, 3], others[:, 3]) - np.maximum(boxes[:, None, 1], others[:, 1])
    found: NDArray[np.float64] = np.maximum(across, 0.0) * np.maximum(down, 0.0)
    return found

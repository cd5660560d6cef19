"""Boxes in page pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


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

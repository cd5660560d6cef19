"""Curves as they are drawn in a page: points, ticks and lines in the units of the drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 480, 240
LEFT, RIGHT, TOP, BOTTOM = 50, 24, 28, 42
FORECAST_PIECES = 24
MOST_TICKS = 5
LEAST_RANGE = 1e-9
"""Of the values of an axis, below which it has one tick only."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: its place along the axis in the drawing, and its text."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A curve. All points and lines are in the drawing's units, its origin top left.

    Attributes:
        summary: the curve in words, for those who do not see it.
        line: through the measured values, as SVG's `points`.
        forecast: likewise, of what is expected; empty for none.
        dots: single measurements.
    """

    summary: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    line: str
    forecast: str = ""
    dots: tuple[Point, ...] = ()
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` to `high` to places from `start` to `end` of the drawing."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value; a value outside is placed at the border."""
        if not math.isfinite(value):
            raise ValueError("a value is no number")
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(self.start + min(1.0, max(0.0, share)) * (self.end - self.start), 1)

    def ticks(self) -> tuple[Tick, ...]:
        return tuple(Tick(self.at(value), text) for value, text in round_values(self.low, self.high))


def chart(
    points: Sequence[Point],
    *,
    summary: str,
    x_label: str,
    y_label: str,
    x_end: float = 0.0,
    y_end: float | None = None,
    dots: Sequence[Point] = (),
    forecast: Sequence[Point] = (),
) -> Chart:
    """A curve through points, its y axis from 0.

    Args:
        x_end: value to which the x axis goes at least.
        y_end: value to which the y axis goes; by default the next round one above the points.

    Raises:
        ValueError: there is no point, or one is no number.
    """
    everything = (*points, *dots, *forecast)
    if not everything:
        raise ValueError("a curve needs points")
    across = Scale(0.0, max(x_end, *(x for x, _ in everything)), LEFT, WIDTH - RIGHT)
    up = Scale(0.0, round_up(max(y for _, y in everything)) if y_end is None else y_end, HEIGHT - BOTTOM, TOP)

    def placed(some: Sequence[Point]) -> tuple[Point, ...]:
        return tuple((across.at(x), up.at(y)) for x, y in some)

    def joined(some: Sequence[Point]) -> str:
        return " ".join(f"{x:g},{y:g}" for x, y in placed(some))

    return Chart(
        summary, x_label, y_label, across.ticks(), up.ticks(), joined(points), joined(forecast), dots=placed(dots)
    )


def round_values(low: float, high: float) -> list[tuple[float, str]]:
    """Up to MOST_TICKS round values between two, each with its text."""
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("an axis has no end")
    if high - low < LEAST_RANGE:
        return [(low, f"{low:g}")]
    step = round_step(high - low)
    first = math.ceil(low / step)
    count = math.floor(high / step + 1e-9) - first + 1
    return [(value, f"{round(value, 10):g}") for value in (step * (first + number) for number in range(count))]


def round_step(length: float) -> float:
    """The step between round values, of which a length holds less than MOST_TICKS."""
    step = 10.0 ** math.floor(math.log10(length / MOST_TICKS))
    return step * next(factor for factor in (1, 2, 2.5, 5, 10, 20) if length / (step * factor) < MOST_TICKS - 1e-6)


def round_up(value: float) -> float:
    """The next round value, so that a curve ends below the top of its drawing."""
    if not math.isfinite(value):
        raise ValueError("a value is no number")
    if value < LEAST_RANGE:
        return 1.0
    step = round_step(value)
    return step * math.ceil(value / step - 1e-9)

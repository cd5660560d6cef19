"""What a part of the bench is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles


@dataclass(frozen=True, slots=True)
class Options:
    """What every part is told.

    Attributes:
        pages: pages that each measurement goes over.
        seed: of the drawn pages and the random weights.
        data: folder with real pages; None for drawn ones.
        quick: less of everything, to see that the parts work; the figures mean little.
    """

    pages: int
    seed: int
    data: Path | None
    quick: bool


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number: a median where `low` and `high`, the quartiles, stand beside it.

    Attributes:
        part: of the bench, such as "cold".
        what: in words, such as "cold page, base size, against the plain way".
        unit: "s", "x", "%", "MB", ...
        asked: the figure that is aimed at, in words; empty where there is no aim.
        met: whether it is reached; None where there is no aim.
    """

    part: str
    what: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    asked: str = ""
    met: bool | None = None


def measured(
    part: str,
    what: str,
    values: Sequence[float],
    unit: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Figure:
    """The median of what was measured with its quartiles, held against the least or the most that is asked for."""
    value = median(values)
    low, _, high = quantiles(values, method="inclusive") if len(values) > 1 else (None, None, None)
    if at_least is not None:
        return Figure(part, what, value, unit, low, high, f">= {at_least:g} {unit}", value >= at_least)
    if at_most is not None:
        return Figure(part, what, value, unit, low, high, f"<= {at_most:g} {unit}", value <= at_most)
    return Figure(part, what, value, unit, low, high)

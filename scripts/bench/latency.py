"""How long a single saved page takes to reach the version that is served, while the project is at work."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from scripts.bench.pages import BenchPage
from scripts.bench.session import Session

POLL_S = 0.05
REFUSED_S = 5.0
"""A version that exists for so long and is not live was refused: `/health` is a second behind at most."""
LONGEST_S = 120.0
NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from each save to a live version that knows the page; endless where it was refused or took too long."""

    seconds: list[float]

    @property
    def median_s(self) -> float:
        return median(self.seconds)

    def to_json(self) -> dict[str, Any]:
        """Null stands for endless, which JSON does not have."""
        figures = [None if one == NEVER else round(one, 2) for one in (*self.seconds, self.median_s)]
        return {"seconds": figures[:-1], "median_s": figures[-1]}


def measure_latency(
    at_work: Session, learn: Sequence[BenchPage], single: Sequence[BenchPage], say: Callable[[str], None]
) -> Latency:
    """Save pages together, wait until they are learnt, then save single ones, each opened first as people do."""
    say(f"  {len(learn)} pages learnt: {at_work.learn(learn).version}")
    seconds = []
    for page in single:
        at_work.open(page)
        seconds.append(_until_live(at_work, page, at_work.save(page)))
        say(f"  saved page known to the live version after {seconds[-1]:.1f} s")
    return Latency(seconds)


def _until_live(at_work: Session, page: BenchPage, saved: float) -> float:
    """Seconds from the moment of saving to a live version that knows the page."""
    looked_at = ""
    refused_since: float | None = None
    while time.monotonic() < saved + LONGEST_S:
        live, now = at_work.live(), time.monotonic()
        if live != looked_at and at_work.knows(live, page):
            return now - saved
        looked_at = live
        newest = at_work.newest()
        if newest != live and at_work.knows(newest, page):
            refused_since = refused_since or now
            if now - refused_since > REFUSED_S:
                return NEVER
        time.sleep(POLL_S)
    return NEVER

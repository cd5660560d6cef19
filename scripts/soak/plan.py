"""Which processes are killed, and at which moments of a run: drawn by a seed, each kind in its turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random

from scripts.soak.product import CHILD, MASTER, REDIS, SUPERVISOR, WEB, WORKER

PAUSE = "pause of Redis"
"""Redis is stopped for some seconds and goes on."""
TARGETS = (CHILD, WEB, WORKER, REDIS, CHILD, SUPERVISOR, WEB, CHILD, MASTER, WORKER, PAUSE, SUPERVISOR)
"""What is killed, as often as it stands here."""
OF_RUNS = frozenset({CHILD, WORKER, SUPERVISOR})
"""Those with which a run ends."""

ANY = "any moment"
SAVE, RENAME, PROMOTE, CHECKPOINT = "version written", "version renamed", "version promoted", "checkpoint written"
STAGES = ("export", "read", "fit", "judge", "report")
"""Of a run, as it tells them itself."""
AIMS = (SAVE, RENAME, "fit", PROMOTE, CHECKPOINT, "judge", SAVE, "report", RENAME, "read", "export", ANY)
"""Moments at which a run is killed, as often as they stand here."""
LONGEST_WAIT_S, LONGEST_LAG_S = 3.0, 0.05
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 8.0


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill.

    Attributes:
        wait_s: before anything else is done.
        lag_s: after the moment that is aimed at.
        pause_s: how long Redis stands still, where that is the target.
    """

    target: str
    aim: str
    wait_s: float
    lag_s: float
    pause_s: float


def plan(deep: Sequence[bool], seed: int) -> list[Kill]:
    """The kills; the same ones for the same seed.

    Args:
        deep: for each kill whether the deep learner is fitted then, which alone writes checkpoints.
    """
    random = Random(f"kills {seed}")
    aims = cycle(AIMS)
    return [_kill(target, fits, aims, random) for target, fits in zip(_shuffled(len(deep), random), deep, strict=True)]


def _kill(target: str, deep: bool, aims: Iterator[str], random: Random) -> Kill:
    aim = ANY
    if target in OF_RUNS:
        aim = next(aim for aim in aims if deep or aim != CHECKPOINT)
    return Kill(
        target,
        aim,
        random.uniform(0, LONGEST_WAIT_S),
        random.choice((0.0, random.uniform(0, LONGEST_LAG_S))),
        random.uniform(SHORTEST_PAUSE_S, LONGEST_PAUSE_S),
    )


def _shuffled(number: int, random: Random) -> list[str]:
    """So many targets: each round has them all, in an order of its own."""
    rounds = -(-number // len(TARGETS))
    return list(islice((kind for _ in range(rounds) for kind in random.sample(TARGETS, len(TARGETS))), number))

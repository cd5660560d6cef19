"""Run the whole product under load while its processes are killed, and count what is lost by that.

    make soak                                           # an hour with 50 kills
    SOAK_S=300 make soak ARGS="--kills 10 --seed 2"

What is done and how to read it: docs/SOAK.md. The exit status is 1 when a figure is not as asked.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.choices import some_of
from scripts.soak.options import BASES, Options
from scripts.soak.session import soak
from scripts.speed.machine import machine
from scripts.speed.tables import table_of

HOUR_S = 3600.0
KILLS = 50
KILL_EVERY_S = 30.0
"""Fewer kills in a short soak: each wants some time to be made good."""


def main() -> int:
    arguments = read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the product is ended too
    kills = arguments.kills if arguments.kills is not None else min(KILLS, int(arguments.seconds / KILL_EVERY_S))
    outcome = soak(
        Options(
            arguments.seconds,
            kills,
            arguments.seed,
            arguments.bases,
            arguments.annotate_every,
            arguments.data_dir,
        )
    )
    print(table_of(outcome.figures()))
    if arguments.out is not None:
        content = {"machine": machine(), **outcome.to_json()}
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0 if outcome.good else 1


def read_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line asks for, by default that of this process."""
    parser = argparse.ArgumentParser(
        prog="make soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=HOUR_S, help="how long (default: an hour)")
    parser.add_argument("--kills", type=int, help="how many processes are killed (default: 50, fewer in a short soak)")
    parser.add_argument("--seed", type=int, default=1, help="of the kills, the pages and the load")
    parser.add_argument(
        "--bases", type=some_of(BASES), default=BASES, help=f"some of {','.join(BASES)}: base models, each in its turn"
    )
    parser.add_argument("--annotate-every", type=float, default=4.0, help="seconds between two saved annotations")
    parser.add_argument(
        "--data-dir", type=Path, help="new data folder, kept with the log (default: one that is removed)"
    )
    parser.add_argument("--out", type=Path, help="where the figures and faults are written")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

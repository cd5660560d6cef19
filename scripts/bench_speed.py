"""Measure how fast the backend is, against the plain way and against what the machine can do, and print the figures.

    make bench ARGS="--parts cold,train --pages 8"

What each part measures and how to read it: docs/SPEED.md. A run of all parts writes `bench/latest.json` and the table
of the README; a run of some prints only. Real pages are used where `--folder` holds them, drawn ones elsewhere.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.choices import some_of
from scripts.speed.figures import Figure, Options
from scripts.speed.machine import machine
from scripts.speed.tables import latest, table_of, write_readme

ROOT = Path(__file__).resolve().parents[1]
LATEST = ROOT / "bench/latest.json"
PARTS = {
    "cold": "scripts.speed.cold",
    "requests": "scripts.speed.requests",
    "train": "scripts.speed.train",
    "equal": "scripts.speed.equal",
    "served": "scripts.speed.served",
    "memory": "scripts.speed.memory",
    "scaling": "scripts.speed.scaling",
    "gpu": "scripts.speed.gpu",
}
"""Modules by name, imported when their turn comes: the process of the plain way imports this one, and none of them."""


def main() -> int:
    arguments = read_arguments()
    options = Options(arguments.pages, arguments.seed, _real_pages(arguments), arguments.quick)
    figures: list[Figure] = []
    for part in arguments.parts:
        say(f"{part} ...")
        started = time.monotonic()
        found: list[Figure] = importlib.import_module(PARTS[part]).measure(options)
        say(f"{part}: {time.monotonic() - started:.0f} s")
        print(table_of(found), end="\n\n", flush=True)
        figures += found
    whole = set(arguments.parts) == set(PARTS) and not arguments.quick
    out = arguments.out or (LATEST if whole else None)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        content = latest(machine(), figures)
        out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        if out.resolve() == LATEST:
            write_readme(ROOT / "README.md", content)
    return 0


def read_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line asks for, by default that of this process."""
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--parts", type=some_of(PARTS), default=tuple(PARTS), help=f"some of {','.join(PARTS)} (default: all)"
    )
    parser.add_argument("--pages", type=int, default=8, help="pages that single pages are measured on (default: 8)")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the pages and of the random weights")
    parser.add_argument("--quick", action="store_true", help="less of everything: to see that it works")
    parser.add_argument("--drawn", action="store_true", help="drawn pages, also where real ones are at hand")
    parser.add_argument("--folder", type=Path, default=ROOT.parent / "shared/data", help="real pages")
    parser.add_argument("--out", type=Path, help="where the figures are written")
    return parser.parse_args(arguments)


def _real_pages(arguments: argparse.Namespace) -> Path | None:
    """The folder of real pages, if it is wanted and there."""
    return arguments.folder if not arguments.drawn and (arguments.folder / "funsd").is_dir() else None


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""Replay an annotator, page by page, against the real thing, and print what the pages were worth.

    make bench-learning ARGS="--data receipts --orders 1 --pages 5,10"

A real Label Studio (`LABEL_STUDIO_BIN`) is connected to the real backend with default settings. The figures and how to
read them: docs/LEARNING.md. The same options give the same figures, apart from the seconds. Real pages are used where
`--folder` holds them; drawn ones are always at hand.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.bench.acceptance import acceptance
from scripts.bench.data_sets import Source, drawn_sources, real_sources
from scripts.bench.measure import Bench, Plan, say
from scripts.bench.results import BOTH, FAST
from scripts.bench.tables import tables
from scripts.choices import some_of
from tests.studio import label_studio

ROOT = Path(__file__).resolve().parents[1]
REAL = ("receipts", "forms")
PARTS = ("words", "replay", "latency", "spoilt")


def main() -> int:
    options = read_options()
    with tempfile.TemporaryDirectory() as ocr:
        _measure(options, Bench(_plan(options, options.ocr or Path(ocr))))
    return 0


def _measure(options: argparse.Namespace, bench: Bench) -> None:
    if "words" in options.parts and options.data in ("forms", "all"):
        if (options.folder / "funsd").is_dir():
            bench.given_words(options.folder / "funsd")
        else:
            say(f"skipped: given words, {options.folder} has no forms")
    sources = chosen_sources(options)
    in_label_studio = {"replay": bench.replays, "latency": bench.latency, "spoilt": bench.spoilt}
    asked = [part for part in in_label_studio if part in options.parts]
    if asked and sources:
        with label_studio(os.environ.get("LABEL_STUDIO_BIN", str(ROOT / ".ls-venv/bin/label-studio"))) as studio:
            for part in asked:
                # What does not depend on the kind of pages is measured on the first one only.
                for source in sources if part == "replay" else sources[:1]:
                    in_label_studio[part](studio, source)
    print("\n\n".join([*tables(bench.results), *acceptance(bench.results)]))


def chosen_sources(options: argparse.Namespace) -> list[Source]:
    """The kinds of pages that were asked for; drawn ones stand in for real ones where all were asked for."""
    if options.data == "drawn":
        return drawn_sources()
    real = {source.name: source for source in real_sources(options.folder)}
    wanted = REAL if options.data == "all" else (options.data,)
    for kind in wanted:
        if kind not in real:
            say(f"skipped: {kind}, {options.folder} has none")
    stand_ins = {source.name: source for source in drawn_sources()} if options.data == "all" else {}
    found = [real.get(kind) or stand_ins.get(f"drawn {kind}") for kind in wanted]
    return [source for source in found if source is not None]


def _plan(options: argparse.Namespace, ocr: Path) -> Plan:
    ocr.mkdir(parents=True, exist_ok=True)
    return Plan(
        learners=(FAST,) if options.fast_only else (BOTH, FAST),
        orders=options.orders,
        checkpoints=options.pages,
        seed=options.seed,
        settings=dict(options.setting),
        ocr=ocr.resolve(),
        out=options.out,
    )


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line asks for, by default that of this process."""
    parser = argparse.ArgumentParser(
        prog="make bench-learning", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", choices=(*REAL, "drawn", "all"), default="all", help="kind of pages (default: all)")
    parser.add_argument("--parts", type=some_of(PARTS), default=PARTS, help=f"some of {','.join(PARTS)} (default: all)")
    parser.add_argument("--orders", type=int, default=3, help="orders in which receipts are annotated (default: 3)")
    parser.add_argument("--pages", type=_counts, default=(), help="checkpoints, such as 5,10,20,40")
    parser.add_argument("--fast-only", action="store_true", help="only the fast learner: minutes instead of an hour")
    parser.add_argument("--seed", type=int, default=0, help="of the orders (default: 0)")
    parser.add_argument("--setting", type=_setting, action="append", default=[], help="NAME=VALUE for the backend")
    parser.add_argument("--folder", type=Path, default=ROOT.parent / "shared/data", help="real pages")
    parser.add_argument("--ocr", type=Path, help="folder in which OCR results are kept from one run to the next")
    parser.add_argument("--out", type=Path, default=ROOT / "bench/learning.json", help="where the figures are written")
    return parser.parse_args(arguments)


def _counts(text: str) -> tuple[int, ...]:
    counts = tuple(int(part) for part in text.split(","))
    if counts != tuple(sorted(set(counts))) or counts[0] < 1:
        raise argparse.ArgumentTypeError("numbers of pages must rise from 1 or more")
    return counts


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("a setting is NAME=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(main())

"""Fuzz the service: changed requests for every route, bytes that are hardly HTTP, and schemathesis by our description.

python -m scripts.fuzz                            10 000 requests a route: about a quarter of an hour on 2 busy cores
python -m scripts.fuzz --bodies 500 --seed 7
python -m scripts.fuzz --route /predict --first 4711 --bodies 1       one request once more

Ends with 1 when anything is wrong: a status of 500, an answer that is not in the documented form, an answer or a log
line that tells a path, a token or a traceback, a crash, a process left behind.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.fuzz.campaign import Outcome, fuzz_route, routes_of
from scripts.fuzz.raw import fuzz_raw
from scripts.fuzz.samples import samples
from scripts.fuzz.senders import HttpSender
from scripts.fuzz.service import Service, service
from scripts.fuzz.verdict import Judge

BODIES = 10_000
EXAMPLES = 100
"""Of schemathesis, for each operation and phase."""


def main() -> int:
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        data_dir = Path(folder) / "data"
        data_dir.mkdir()
        with service(data_dir) as running:
            print(f"service at port {running.port}, seed {asked.seed}, {asked.bodies} requests a route", flush=True)
            before = _figures(running)
            wrong = sum(outcome.wrong for outcome in _campaign(running, asked))
            wrong += _schemathesis(running, asked) if asked.examples else 0
            print(f"\nprocess before: {before}\nprocess after:  {_figures(running)}")
            crashed = running.process.poll() is not None
        return int(_end(running, crashed=crashed) + wrong > 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bodies", type=int, default=BODIES, help="requests for each route")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first request of each route")
    parser.add_argument("--route", action="append", help="as the description names it; all where none is given")
    parser.add_argument(
        "--examples", type=int, default=EXAMPLES, help="of schemathesis for each operation; 0 leaves it out"
    )
    return parser.parse_args()


def _campaign(running: Service, asked: argparse.Namespace) -> list[Outcome]:
    """Every route in turn, then what is hardly HTTP."""
    sound = samples()
    judge = Judge(running.private)
    indices = range(asked.first, asked.first + asked.bodies)
    send = HttpSender(running.port, running.credentials)
    outcomes = []
    for route in asked.route or routes_of(sound):
        began = time.monotonic()
        outcomes.append(fuzz_route(route, sound, send, judge, seed=asked.seed, indices=indices))
        _print(outcomes[-1], time.monotonic() - began)
    if not asked.route:
        began = time.monotonic()
        outcomes.append(fuzz_raw(running.port, judge, seed=asked.seed, indices=indices))
        _print(outcomes[-1], time.monotonic() - began)
    return outcomes


def _print(outcome: Outcome, seconds: float) -> None:
    told = "  ".join(f"{status or 'none'}: {count}" for status, count in sorted(outcome.statuses.items()))
    print(f"{outcome.route:44} wrong: {outcome.wrong}  {seconds:6.0f} s  {told}", flush=True)
    print("  " + ", ".join(f"{code} {count}" for code, count in outcome.codes.most_common() if count), flush=True)
    for finding in outcome.found:
        print(f"  --route '{finding.route}' --first {finding.index}: {finding.fault}\n    {finding.sent}", flush=True)


def _schemathesis(running: Service, asked: argparse.Namespace) -> int:
    """1 where schemathesis finds anything wrong, and its report is printed."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{running.port}/openapi.json"),
        *(
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        ),
        *("--phases", "examples,coverage,fuzzing", "--max-examples", str(asked.examples), "--seed", str(asked.seed)),
        *("--header", f"Authorization: {running.credentials}", "--continue-on-failure", "--no-color"),
        *("--request-timeout", "120"),
    ]
    began = time.monotonic()
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=running.data_dir.parent)
    print(f"schemathesis: {'nothing wrong' if ended.returncode == 0 else 'WRONG'}  {time.monotonic() - began:.0f} s")
    print("\n".join(ended.stdout.splitlines()[-40:] if ended.returncode == 0 else [ended.stdout, ended.stderr]))
    return int(ended.returncode != 0)


def _figures(running: Service) -> str:
    """Memory, threads, open files and children of the web processes."""
    family = running.family()
    memory = sum(process.memory_info().rss for process in family) / 1e6
    threads = sum(process.num_threads() for process in family)
    files = sum(process.num_fds() for process in family)
    return f"{len(family)} processes, {threads} threads, {files} open files, {memory:.0f} MB"


def _end(running: Service, *, crashed: bool) -> int:
    """What is wrong with the end of the service and with its log, told and counted."""
    wrong: Sequence[str] = running.log_faults()
    if crashed:
        wrong = [*wrong, "the service ended by itself"]
    if running.status != 0:
        wrong = [*wrong, f"the service ended with {running.status}"]
    if running.log.count("Booting worker") != 1:
        wrong = [*wrong, "the web worker was started again"]
    wrong = [*wrong, *(f"left behind: {process}" for process in running.left)]
    print(f"log, crashes and processes left behind: {len(wrong)} wrong")
    print("\n".join(f"  {line}" for line in wrong[:40]))
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())

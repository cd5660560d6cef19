"""Predictions for a whole project at once."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

from backend.commands.parts import Commands, add_for_project
from backend.settings import Settings

CHUNK_TASKS = 50
EXAMPLES = """
examples:
  python -m backend prelabel --project 3
  python -m backend prelabel --project 3 --all --set-version
  python -m backend prelabel --project 3 --no-wait
"""


def add(commands: Commands) -> None:
    of_project = add_for_project(commands, "prelabel", prelabel)
    of_project.epilog = EXAMPLES
    of_project.formatter_class = argparse.RawDescriptionHelpFormatter
    which = of_project.add_mutually_exclusive_group()
    which.add_argument(
        "--only-missing", action="store_true", help="pages that nobody annotated and that lack a prediction (default)"
    )
    which.add_argument("--all", action="store_true", help="pages that somebody annotated too")
    of_project.add_argument("--chunk", type=_pages, default=CHUNK_TASKS, help="pages stored at a time (%(default)s)")
    of_project.add_argument(
        "--replace", action="store_true", help="delete what older versions predicted, of pages that nobody annotated"
    )
    of_project.add_argument(
        "--set-version",
        action="store_true",
        help="make the version the project's own in the end: its scores are shown, sorted and sampled by",
    )
    of_project.add_argument("--here", action="store_true", help="do it in this process, not by the workers")
    of_project.add_argument(
        "--wait", action=argparse.BooleanOptionalAction, default=True, help="follow the workers to the end (default)"
    )


def prelabel(settings: Settings, options: argparse.Namespace) -> int:
    """Predict a whole project by its live version; goes on from where it was interrupted."""
    prelabeling = importlib.import_module("backend.prelabeling")
    wish = prelabeling.Wish(
        project_id=options.project,
        annotated=options.all,
        size=options.chunk,
        replace_older=options.replace,
        choose_version=options.set_version,
        here=options.here,
        wait=options.wait or options.set_version,
    )
    work = prelabeling.Prelabeling(settings, wish)
    where = f"by {work.workers} worker{'s' if work.workers > 1 else ''}" if work.workers else "in this process"
    print(f"{len(work.missing)} pages of project {options.project} lack a prediction of {work.version}; done {where}")
    numbers: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    with _Bar(len(work.missing)) as bar:

        def advance(report: Mapping[str, Any]) -> None:
            numbers.update({name: report.get(name, 0) for name in ("tasks", "stored", "had", "replaced")})
            failed.update(report.get("failed", {}))
            bar.show(numbers["tasks"])

        work.carry_out(advance)
    if work.workers and not wish.wait:
        print("queued; the same command without --no-wait follows it")
        return 0
    if doubles := work.look_after():
        print(f"{doubles} predictions deleted: their pages had one of {work.version} already")
    for line in prelabeling.summary(numbers, failed, work.version):
        print(line)
    if wish.choose_version:
        before = work.choose_version()
        for line in prelabeling.about_chosen(work.version, before):
            print(line)
    return 1 if failed else 0


class _Bar:
    """A progress bar on a terminal, a line for each chunk elsewhere."""

    def __init__(self, pages: int) -> None:
        self._pages = pages
        self._bar = importlib.import_module("tqdm").tqdm(total=pages, unit="page", disable=None, desc="prelabel")

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def show(self, done: int) -> None:
        if self._bar.disable:
            print(f"{min(done, self._pages)} of {self._pages} pages", file=sys.stderr)
        else:
            self._bar.update(min(done, self._pages) - self._bar.n)


def _pages(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of pages from 1 to 1000")
    return number

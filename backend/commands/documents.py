"""Documents into Label Studio."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from backend.commands.parts import Commands, add_command
from backend.settings import Settings

DPI = 200.0
LEAST_DPI, MOST_DPI = 36.0, 1200.0


def add(commands: Commands) -> None:
    of_files = add_command(commands, "split", split)
    of_files.add_argument("files", type=Path, nargs="+", metavar="FILE.pdf")
    of_files.add_argument("--project", type=int, help="upload the pages to this project of Label Studio and make tasks")
    of_files.add_argument("--out", type=Path, help="write the page images here; without --project also tasks.json")
    of_files.add_argument(
        "--url-prefix", default="", help="without --project: what stands before the images' names in tasks.json"
    )
    of_files.add_argument(
        "--one-task-per",
        choices=("page", "file"),
        help="by default what the project's Image tag takes (valueList: file), without a project page",
    )
    of_files.add_argument("--dpi", type=_dpi, default=DPI, help="pixels an inch (%(default)g)")
    of_files.add_argument("--pages", default="", help="such as 1-3,7,9-; by default all")
    of_files.add_argument("--no-text", action="store_true", help="have OCR read pages that have text of their own too")


def split(settings: Settings, options: argparse.Namespace) -> int:
    """Page images and tasks of PDF files; text that a PDF has is used instead of OCR."""
    documents = importlib.import_module("backend.pipelines.documents")
    wanted = documents.SplitRequest(
        files=tuple(options.files),
        project_id=options.project,
        out=options.out,
        url_prefix=options.url_prefix,
        task_per_file=None if options.one_task_per is None else options.one_task_per == "file",
        dpi=options.dpi,
        pages=options.pages,
        text=not options.no_text,
    )
    for line in documents.split_files(settings, wanted, _print_progress):
        print(line)
    return 0


def _dpi(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not LEAST_DPI <= number <= MOST_DPI:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from {LEAST_DPI:g} to {MOST_DPI:g}")
    return number


def _print_progress(name: str, done: int, pages: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{name}: page {done} of {pages}", end="\n" if done == pages else "", file=sys.stderr, flush=True)

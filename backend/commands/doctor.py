"""The examination of everything that a prediction and a training run need."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Any

from backend.commands.parts import Commands, add_command, print_json
from backend.errors import RequestError
from backend.settings import Settings


def add(commands: Commands) -> None:
    added = add_command(commands, "doctor", doctor)
    added.add_argument(
        "--project", type=int, action="append", metavar="N", help="look at this project; may be given several times"
    )
    added.add_argument("--fix", action="store_true", help="make or repair the webhook in Label Studio")
    added.add_argument("--backend-url", default="", metavar="URL", help="this backend as Label Studio is to reach it")
    added.add_argument("--json", action="store_true", help="print the findings as JSON")


def doctor(settings: Settings, options: argparse.Namespace) -> int:
    """What is wrong between Redis, OCR, weights, disk and Label Studio, and what to do about it."""
    if options.backend_url and not options.backend_url.startswith(("http://", "https://")):
        raise RequestError("bad_url", f"--backend-url {options.backend_url!r} is no address such as http://host:9090")
    importlib.import_module("backend.logs").configure_logs("ERROR")  # the findings say it all
    examine = importlib.import_module("backend.doctor.examine").examine
    found = examine(settings, project_ids=options.project, fix=options.fix, backend_url=options.backend_url)
    show = _as_json if options.json else _as_text
    return 1 if any(finding.level == "failed" for finding in show(found)) else 0


def _as_json(findings: Any) -> list[Any]:
    """Print all of them; they come back."""
    text = importlib.import_module("backend.doctor.text")
    kept = list(findings)
    print_json([text.to_json(finding) for finding in kept])
    return kept


def _as_text(findings: Any) -> list[Any]:
    """Print each as it is found; they come back."""
    text = importlib.import_module("backend.doctor.text")
    kept: list[Any] = []
    for finding in findings:
        if not kept or kept[-1].project_id != finding.project_id:
            print(f"\n{text.heading(finding.project_id)}" if kept else text.heading(finding.project_id))
        for line in text.finding_lines(finding, colour=sys.stdout.isatty()):
            print(line, flush=True)
        kept.append(finding)
    print(f"\n{text.summary(kept)}")
    return kept

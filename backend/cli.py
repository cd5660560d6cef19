"""The command line: `python -m backend COMMAND`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from backend.commands import doctor, documents, exchange, predicting, prelabel, processes, training, versions
from backend.errors import BackendError
from backend.logs import configure_logs
from backend.settings import load_settings
from backend.supervise.outputs import open_standard_streams

GROUPS = (processes, predicting, prelabel, training, versions, documents, doctor, exchange)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 0, or 1 with one line on standard error that says what is wrong."""
    open_standard_streams()
    options = _parser().parse_args(arguments)
    try:
        settings = load_settings()
        configure_logs("WARNING" if options.quiet else settings.log_level)
        status: int = options.command(settings, options)
    except BackendError as error:
        hint = f" ({error.hint})" if error.hint else ""
        print(f"{error.code}: {error.message}{hint}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m backend", description="A Label Studio ML backend that pre-annotates document pages."
    )
    parser.add_argument("--quiet", action="store_true", help="log warnings and errors only")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in GROUPS:
        group.add(commands)
    return parser

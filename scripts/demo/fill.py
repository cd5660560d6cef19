"""Fill a running Label Studio with the sample forms and connect a running backend:

    python -m scripts.demo.fill --label-studio http://label-studio.internal:8080 \\
        --backend http://demo-backend.internal:9090 --shown-at http://localhost:8080 http://localhost:9091
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from backend.errors import BackendError
from scripts.demo.backend_health import nothing_to_watch, wait_until_ready
from scripts.demo.project import fill, first_version
from scripts.demo.studio import sign_in_when_up
from scripts.demo.told import ready, say, step, told_error


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        with step("Label Studio is starting"):
            studio = sign_in_when_up(options.label_studio, nothing_to_watch)
        with step("The backend is starting"):
            wait_until_ready(options.backend, nothing_to_watch)
        project = fill(studio, options.backend)
        first_version(studio, options.backend, project, nothing_to_watch)
    except BackendError as error:
        print(told_error(error), file=sys.stderr)
        return 1
    studio_shown, backend_shown = options.shown_at or (options.label_studio, options.backend)
    for line in ready(studio_shown, project, backend_shown):
        say(line)
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m scripts.demo.fill", description="Fill a running Label Studio and connect a running backend."
    )
    made.add_argument("--label-studio", required=True, metavar="URL", help="Label Studio as seen from here")
    made.add_argument("--backend", required=True, metavar="URL", help="the backend, from here and from Label Studio")
    made.add_argument("--shown-at", nargs=2, metavar="URL", help="both as your browser sees them, if that differs")
    return made


if __name__ == "__main__":
    sys.exit(main())

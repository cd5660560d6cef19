"""The whole demonstration on this machine: `make demo`, which also installs what it needs.

    LABEL_STUDIO_BIN=.ls-venv/bin/label-studio python -m scripts.demo [--fresh]

Runs until Ctrl-C. Everything it keeps lies in one folder; started again it goes on from there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from backend.errors import BackendError, ServiceError
from backend.versions.locks import Busy, locked
from scripts.demo.backend_health import health, live_version, wait_until_ready
from scripts.demo.processes import ROOT, Running, backend, free_port, label_studio
from scripts.demo.project import fill, first_version
from scripts.demo.studio import sign_in_when_up
from scripts.demo.told import ready, say, step, told_error

LABEL_STUDIO_PORT, BACKEND_PORT = 8080, 9090
LABEL_STUDIO_DATA, BACKEND_DATA = "label-studio", "backend"
LOOK_S = 2.0
HOW_TO_GO_ON = "Stopped. make demo goes on from here, make demo ARGS=--fresh starts over."


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with ExitStack() as held:
            _demonstrate(options, held)
    except KeyboardInterrupt:
        say(HOW_TO_GO_ON)
    except BackendError as error:
        print(told_error(error), file=sys.stderr)
        return 1
    return 0


def _demonstrate(options: argparse.Namespace, held: ExitStack) -> None:
    """Start everything, tell where to look, and stay until one part ends or Ctrl-C comes."""
    begun = time.monotonic()
    folder: Path = options.folder.resolve()
    _take(folder, held)
    say(f"The demonstration keeps its data and logs in {folder}.")
    if options.fresh:
        _clear(folder)
    studio_port = _port(options.port, "Label Studio")
    studio = held.enter_context(label_studio(options.label_studio, folder / LABEL_STUDIO_DATA, studio_port))
    with step("Label Studio is starting, the first time for up to a minute"):
        user = sign_in_when_up(studio.url, studio.check)
    port = _port(options.backend_port, "The backend")  # asked now, when Label Studio has its own
    with step("The backend is starting, with a personal access token"):
        token = user.personal_token()
        served = held.enter_context(backend(folder / BACKEND_DATA, port, studio.url, token))
        wait_until_ready(served.url, served.check)
    project = fill(user, served.url)
    first_version(user, served.url, project, served.check)
    say(f"Ready after {time.monotonic() - begun:.0f} s.")
    for line in ready(f"http://localhost:{studio_port}", project, f"http://localhost:{port}"):
        say(line)
    say("Ctrl-C stops everything.")
    held.callback(say, "Stopping.")
    _follow(studio, served, project)


def _follow(studio: Running, served: Running, project: int) -> None:
    """Tell of each new version, until one of the two ends."""
    version = live_version(health(served.url), project)
    while True:
        time.sleep(LOOK_S)
        studio.check()
        served.check()
        told = health(served.url)
        if told and live_version(told, project) != version:
            version = live_version(told, project)
            say(f"{time.strftime('%H:%M:%S')} the backend has learnt more: {version} serves from now on.")


def _take(folder: Path, held: ExitStack) -> None:
    try:
        held.enter_context(locked(folder / "lock", patience_s=0))
    except Busy:
        raise ServiceError(
            "demo_running", f"a demonstration runs already in {folder}", "stop it, or give another --folder"
        ) from None


def _clear(folder: Path) -> None:
    for name in (LABEL_STUDIO_DATA, BACKEND_DATA):
        shutil.rmtree(folder / name, ignore_errors=True)


def _port(wanted: int, of: str) -> int:
    port = free_port(wanted)
    if port != wanted:
        say(f"Port {wanted} is taken: {of} gets {port}.")
    return port


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.demo", description="Label Studio with sample forms and this backend, on this machine."
    )
    parser.add_argument("--fresh", action="store_true", help="start over: forget what earlier demonstrations left")
    parser.add_argument("--folder", type=Path, default=ROOT / "demo", help="where everything is kept (demo/)")
    parser.add_argument("--port", type=int, default=LABEL_STUDIO_PORT, help="of Label Studio, or the next free one")
    parser.add_argument("--backend-port", type=int, default=BACKEND_PORT, help="of the backend, or the next free one")
    parser.add_argument(
        "--label-studio",
        default=os.environ.get("LABEL_STUDIO_BIN") or str(ROOT / ".ls-venv" / "bin" / "label-studio"),
        help="Label Studio's program",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""What the person in front of the terminal reads: one line for each step, with its seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from backend.errors import BackendError
from scripts.demo.studio import EMAIL, PASSWORD

WIDTH = 72


def say(line: str = "") -> None:
    print(line, flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Tell what is being done, and behind it how long it took; the line of a failed step stays without seconds."""
    print(f"  {what} ".ljust(WIDTH, "."), end="", flush=True)
    begun = time.monotonic()
    try:
        yield
    except BaseException:
        say()
        raise
    say(f" {time.monotonic() - begun:.0f} s")


def ready(label_studio_url: str, project: int, backend_url: str) -> list[str]:
    """How to go on: where to look, and as whom; with the addresses that browsers use."""
    return [
        "",
        f"  Open      {label_studio_url}/projects/{project}/data?labeling=1",
        f"  Login     {EMAIL}",
        f"  Password  {PASSWORD}",
        f"  Status    {backend_url}/ui",
        "",
        "The form that opens was annotated by nobody: its boxes are the backend's. Correct them, press Submit,",
        "and the next form opens. The backend learns from each form that you submit.",
        "",
    ]


def told_error(error: BackendError) -> str:
    return f"{error.code}: {error.message}" + (f" ({error.hint})" if error.hint else "")

"""Looking at the decoders of this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.supervise.processes import command_of, is_alive


def decoders_here(module: str = "backend.pages.decoder_process") -> list[int]:
    """Process ids of the decoders that this process has, whichever of its threads started them."""
    lists = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    children = [int(number) for file in lists for number in file.read_text(encoding="ascii").split()]
    return [pid for pid in children if is_alive(pid) and command_of(pid).endswith(module)]


def memory_of(process: int | str, kind: str) -> int:
    """Bytes of memory of a process, such as `VmRSS` now or `VmHWM` at most."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace").splitlines()
    [kilobytes] = [int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")]
    return 1024 * kilobytes


@contextmanager
def memory_grows_less_than(most_bytes: int) -> Iterator[None]:
    """Fails where this process and its decoders together have more memory at any time of the block."""
    processes: list[int | str] = ["self", *decoders_here()]
    for process in processes:
        Path(f"/proc/{process}/clear_refs").write_text("5", encoding="ascii")  # what was highest counts from here on
    before = sum(memory_of(process, "VmRSS") for process in processes)
    yield
    highest = sum(memory_of(process, "VmHWM") for process in processes)
    assert highest - before < most_bytes

"""The most memory that a block of work takes."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

STATUS = Path("/proc/self/status")
KB_IN_MB = 1000
FORGET_PEAK = "5"
"""What Linux takes for the wish to count the peak of this process anew."""


class Peak:
    """Within the block the memory of this process is watched.

    Attributes:
        megabytes: by how much its peak was above what it had at the start, as soon as the block has ended.
    """

    def __enter__(self) -> Peak:
        Path("/proc/self/clear_refs").write_text(FORGET_PEAK)
        self.megabytes = 0.0
        self._before = _status("VmRSS")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.megabytes = (_status("VmHWM") - self._before) / KB_IN_MB


def _status(name: str) -> int:
    """A line of this process's status, in KB."""
    lines = STATUS.read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])

"""Whether `DATA_DIR` can be written, and how much fits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile

from backend.doctor.causes import finding, passed
from backend.doctor.finding import Finding, Level
from backend.versions.space import FULL, free_bytes

CHECK = "Disk"
FULL_BYTES = 200_000_000
LOW_BYTES = 2_000_000_000


def examine_disk(data_dir: Path, free_bytes: Callable[[Path], int] = free_bytes) -> Finding:
    """A look at the data folder: something is written there, and does not stay."""
    tried = "wrote to DATA_DIR"
    if not data_dir.is_dir():
        return finding(Level.FAILED, "data_dir_missing", CHECK, "looked for DATA_DIR", "it is not there")
    try:
        with TemporaryFile(dir=data_dir) as probe:
            probe.write(b"probe")
    except OSError as error:
        code = "disk_full" if error.errno in FULL else "data_dir_read_only"
        return finding(Level.FAILED, code, CHECK, tried, f"refused: {error.strerror}")
    free = free_bytes(data_dir)
    told = f"{free / 1e9:,.1f} GB are free"
    if free < FULL_BYTES:
        return finding(Level.FAILED, "disk_full", CHECK, tried, told)
    if free < LOW_BYTES:
        return finding(Level.WARNING, "disk_low", CHECK, tried, told)
    return passed(CHECK, tried, told)

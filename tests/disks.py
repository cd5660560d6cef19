"""Real small disks: file systems in memory that can be filled and made read-only. Only root may mount them."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BLOCK = b"\0" * 4096


@contextmanager
def small_disk(folder: Path, megabytes: int = 3) -> Iterator[Path]:
    """A disk of its own, mounted at a folder; the test is skipped where this process may not mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        # Lazily: a process that is about to end may still hold a file of it.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def make_read_only(folder: Path, *, read_only: bool = True) -> None:
    """Let a mounted disk refuse all writes from now on, or take them again."""
    state = "ro" if read_only else "rw"
    subprocess.run(["mount", "-o", f"remount,{state}", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave not a byte on the disk that a folder is on; the file that takes the room."""
    filler = folder / "filler"
    descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        for block in (BLOCK, b"\0"):
            while _written(descriptor, block):
                pass
    finally:
        os.close(descriptor)
    return filler


def _written(descriptor: int, block: bytes) -> bool:
    try:
        return os.write(descriptor, block) > 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False

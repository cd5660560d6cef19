"""Room on the disk of `DATA_DIR`: asked for before work begins, and named when it runs out."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from backend.errors import ServiceError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
NOTHING_LEFT_BYTES = 1_000_000
_MB = 1_000_000


def free_bytes(folder: Path) -> int:
    """Bytes that this process may still write below a folder, which need not be there yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def require_room(folder: Path, needed: int) -> None:
    """Refuse work that would fill the disk.

    Args:
        needed: bytes.

    Raises:
        ServiceError: `disk_full`, with both figures.
    """
    free = free_bytes(folder)
    if free < needed:
        message = f"{free / _MB:,.0f} MB are free in DATA_DIR, a training run needs {needed / _MB:,.0f} MB"
        raise ServiceError("disk_full", message, "free some space, or set DATA_DIR to another disk")


@contextmanager
def full_disk_named(folder: Path) -> Iterator[None]:
    """Whatever a library says when there is no room below a folder, is raised as `disk_full`.

    torch has a RuntimeError for it, safetensors an error of its own, and neither tells an errno.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        if not _means_full(error, folder):
            raise
        raise ServiceError("disk_full", "the disk is full", "free some space") from error


def _means_full(error: Exception, folder: Path) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in FULL
    return "No space left" in str(error) or free_bytes(folder) < NOTHING_LEFT_BYTES

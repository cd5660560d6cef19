"""Files that are whole or not there: written aside, flushed, renamed."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHUNK_BYTES = 1 << 20
SETTLED_NS = 2_000_000_000
MOST_DIGESTS = 10_000

FileState = tuple[int, int, int, int]
_DIGESTS: dict[FileState, str] = {}


def write_atomic(path: Path, content: bytes, *, mode: int = 0o644, durable: bool = True) -> None:
    """Replace a file's content in one step; its folder is made if need be.

    Args:
        mode: permissions of the file, from its first byte on.
        durable: wait until the disk has it. Without, a power cut may leave an empty file (a kill may not).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    if durable:
        sync(path.parent)


def write_json(path: Path, content: object, *, mode: int = 0o644, durable: bool = True) -> None:
    """Replace a JSON file in one step."""
    text = json.dumps(content, ensure_ascii=False, indent=1)
    write_atomic(path, text.encode("utf-8"), mode=mode, durable=durable)


def read_json(path: Path) -> Any | None:
    """The content of a JSON file; None when there is no such file.

    Raises:
        ValueError: the file is no JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None


def sync(path: Path) -> None:
    """Wait until the disk has a file's content or a folder's list of names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_state(path: Path) -> FileState:
    """Device, inode, size and time of change of a file's content; the same for two names of one file."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal.

    Large weights stand in many versions: a file that this process has read is read again only after a change.
    """
    state = file_state(path)
    known = _DIGESTS.get(state)
    if known is not None:
        return known
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            found.update(chunk)
    digest = found.hexdigest()
    # As Git has it: a file changed a moment ago might change again without another time of change.
    if time.time_ns() - state[-1] > SETTLED_NS and state == file_state(path):
        if len(_DIGESTS) >= MOST_DIGESTS:
            _DIGESTS.clear()
        _DIGESTS[state] = digest
    return digest


def files_below(folder: Path) -> Iterator[Path]:
    """Every file in a folder and its folders, in the order of their names."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file())

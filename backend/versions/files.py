"""Files that are whole or not there: written aside, flushed, renamed."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHUNK_BYTES = 1 << 20


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


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def files_below(folder: Path) -> Iterator[Path]:
    """Every file in a folder and its folders, in the order of their names."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file())

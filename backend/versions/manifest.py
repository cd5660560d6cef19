"""A version's manifest: what belongs to it, byte by byte, and where it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backend.errors import VersionError
from backend.versions.files import files_below, read_json, sha256_of, sync, write_json

Json = dict[str, Any]

FORMAT = 1
"""Of the manifest and the files it names; a version of a higher format was made by a newer release."""

MANIFEST = "manifest.json"
UNTRAINED = "untrained"


def version_name(number: int | None) -> str:
    """A version's name as Label Studio shows it."""
    return UNTRAINED if number is None else f"v{number}"


def write_manifest(folder: Path, facts: Json) -> None:
    """Complete a version folder: all its files are on the disk and stand in the manifest with size and SHA-256."""
    write_json(folder / MANIFEST, facts | {"format": FORMAT, "files": files_on_disk(folder)})
    for path in folder.rglob("*"):
        if path.is_dir():
            sync(path)


def files_on_disk(folder: Path) -> Json:
    """Size and SHA-256 of each file of a folder, by its name there, once the disk has them all."""
    files: Json = {}
    for path in files_below(folder):
        sync(path)
        files[path.relative_to(folder).as_posix()] = {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
    return files


def damage_of(folder: Path, files: Json) -> str:
    """What is wrong with the files of a folder, compared with what `files_on_disk` said; empty for nothing."""
    for name, facts in files.items():  # sizes of all first: cheap, and finds most damage
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != facts.get("bytes"):
            return f"{name} has {path.stat().st_size} bytes instead of {facts.get('bytes')}"
    for name, facts in files.items():
        if sha256_of(folder / name) != facts.get("sha256"):
            return f"{name} differs from what was saved"
    return ""


def read_manifest(folder: Path, number: int) -> Json:
    """The manifest of a version folder.

    Raises:
        VersionError: `version_missing`, `version_damaged`, or `version_too_new` for a newer release's format.
    """
    try:
        manifest: Json | None = read_json(folder / MANIFEST)
    except ValueError:
        raise _damaged(number, "its manifest is no JSON") from None
    if manifest is None:
        raise VersionError("version_missing", f"there is no whole {version_name(number)}", "list the `versions`")
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict) or not all(isinstance(facts, dict) for facts in files.values()):
        raise _damaged(number, "its manifest names no files")
    if manifest.get("format") != FORMAT:
        raise VersionError(
            "version_too_new",
            f"{version_name(number)} has format {manifest.get('format')}, this release reads {FORMAT}",
            "use the release that made it",
        )
    if manifest.get("version") != number:
        raise _damaged(number, "its manifest is of another version")
    return manifest


def verify_files(folder: Path, number: int) -> None:
    """Compare each file of a version folder with its manifest.

    Raises:
        VersionError: as `read_manifest` does, and `version_damaged` for a file that is missing or differs.
    """
    damage = damage_of(folder, read_manifest(folder, number)["files"])
    if damage:
        raise _damaged(number, damage)


def _damaged(number: int, cause: str) -> VersionError:
    return VersionError("version_damaged", f"{version_name(number)} is damaged: {cause}", "train or promote another")

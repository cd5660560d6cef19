"""Checkpoints of a fit: whole and verified, or not there.

    <folder of the fit>/checkpoint-<step>/    what the Trainer writes: weights, optimizer, schedule, random numbers
    <folder of the fit>/best.safetensors      the weights that did best on the held-out pages so far

Only the Trainer reads them back, which unpickles nothing but tensors (`weights_only`). A checkpoint counts when it has
its marker, which is written last and knows the SHA-256 of every other file.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from backend.versions.files import read_json, write_json
from backend.versions.manifest import damage_of, files_on_disk
from backend.versions.space import free_bytes, full_disk_named

LOG = logging.getLogger(__name__)

MARKER = "complete.json"
BEST = "best.safetensors"
EVERY_S = 60.0
"""What a killed run loses at most, where checkpoints are cheap."""
LARGEST_SHARE = 0.02
"""Of the time of a fit that its checkpoints may take: where the disk is slow there are fewer."""
ROOM = 5
"""Times the model's size that must be free for a checkpoint: weights, both moments of AdamW, the best weights so far,
and the version that is saved in the end."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint to go on from.

    Attributes:
        step: optimizer steps done.
        windows: windows learnt until then, which tells the jitter of the next ones.
    """

    folder: Path
    step: int
    windows: int


class Checkpoints:
    """The checkpoints of one fit, the last two of which are kept.

    Args:
        folder: the fit's own; made if need be.
        model_bytes: size of the model's weights.
        every_s: shortest time between two of them.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        folder: Path,
        model_bytes: int,
        every_s: float = EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self._room = ROOM * model_bytes
        self._every_s = every_s
        self._clock = clock
        self._next_at = clock() + every_s
        self._said = False
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def best(self) -> Path:
        """Where the best weights so far lie."""
        return self.folder / BEST

    def due(self) -> bool:
        """Whether it is time for the next one, and there is room for it."""
        return self._clock() >= self._next_at and self.has_room()

    def has_room(self) -> bool:
        """Whether the disk has room for one; a fit that can go on without is not to fail for its sake."""
        enough = free_bytes(self.folder) >= self._room
        if not enough and not self._said:
            self._said = True
            LOG.warning("no room for checkpoints: a run that is killed starts again", extra={"code": "disk_full"})
        return enough

    def newest(self) -> Checkpoint | None:
        """The last one that is whole, with its best weights put back; None to begin at the beginning."""
        for folder in reversed(self._folders()):
            found = _read(folder)
            if found is None:
                LOG.warning("checkpoint damaged, an earlier one is looked for", extra={"checkpoint": folder.name})
                continue
            self.best.unlink(missing_ok=True)
            if (folder / BEST).is_file():
                _link(folder / BEST, self.best)
            return found
        self.best.unlink(missing_ok=True)
        return None

    @contextmanager
    def writing(self, step: int, windows: Callable[[], int]) -> Iterator[None]:
        """Around the writing of a checkpoint's files; at the end of the block it counts.

        Args:
            windows: asked how many were learnt.

        Raises:
            ServiceError: `disk_full`; what was written of it is gone.
        """
        began = self._clock()
        folder = self.folder / f"checkpoint-{step}"
        self._keep_newest_of(folder)
        try:
            with full_disk_named(self.folder):
                yield
                if self.best.is_file():
                    _link(self.best, folder / BEST)
                facts = {"step": step, "windows": windows()}
                write_json(folder / MARKER, facts | {"files": files_on_disk(folder)})
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        took = self._clock() - began
        self._next_at = self._clock() + max(self._every_s, took / LARGEST_SHARE)
        LOG.info("checkpoint written", extra={"step": step, "took_s": round(took, 2)})

    def _keep_newest_of(self, new: Path) -> None:
        """Remove all but the last whole one, so that there are never more than two."""
        whole = [folder for folder in self._folders() if folder != new and (folder / MARKER).is_file()]
        for folder in self._folders():
            if folder not in whole[-1:]:
                # Without its marker first: half removed, it must not count.
                with suppress(FileNotFoundError):
                    (folder / MARKER).unlink()
                shutil.rmtree(folder, ignore_errors=True)

    def _folders(self) -> list[Path]:
        """By their steps, whole or not."""
        named = [path for path in self.folder.iterdir() if re.fullmatch(r"checkpoint-[0-9]+", path.name)]
        return sorted(named, key=_step)


def remove_foreign(runs: Path, own: Path) -> None:
    """Remove the checkpoints of other fits than one's own: other annotations, labels, or another base model."""
    if not runs.is_dir():
        return
    for path in runs.iterdir():
        if path != own:
            LOG.info("checkpoints of another fit removed", extra={"fit": path.name})
            shutil.rmtree(path, ignore_errors=True)


def _read(folder: Path) -> Checkpoint | None:
    """A checkpoint that is whole; None for any other."""
    try:
        marker = read_json(folder / MARKER)
        if marker is None or damage_of(folder, marker["files"]):
            return None
        return Checkpoint(folder, int(marker["step"]), int(marker["windows"]))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _link(source: Path, target: Path) -> None:
    """A second name for a file that nobody changes, or a copy where the disk knows no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _step(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])

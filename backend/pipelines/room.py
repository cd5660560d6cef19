"""Whether a run will find room on the disk, asked before anything is computed."""

from __future__ import annotations

import shutil
from pathlib import Path

from backend.errors import ServiceError
from backend.model.base_models import BaseModel
from backend.versions.project import ProjectFolder
from backend.versions.space import require_room
from backend.versions.store import VersionStore

ROOM_FOR_RUN = 3
"""Times the model's size that must be free for a run: a checkpoint and the version that it makes."""
LEAST_MODEL_BYTES = 5_000_000
"""Of a fast learner and the report on it, before there is one to look at."""


def check_room(project: ProjectFolder, base: BaseModel, starter_folder: Path, *, deep: bool) -> None:
    """Refuse a run for which there is no room, as far as the size of its model is known now.

    Args:
        deep: whether the deep learner is to be fitted.

    Raises:
        ServiceError: `disk_full`, with the figures.
    """
    known = [LEAST_MODEL_BYTES]
    store = VersionStore(project)
    current = store.current()
    if current is not None:
        # The deep learner of the live version is linked, the fast one written anew.
        files = (path for path in store.folder(current).rglob("*") if path.is_file() and path.suffix != ".safetensors")
        known.append(sum(path.stat().st_size for path in files))
    folder = starter_folder if base.is_starter else base.folder
    if deep and base.is_used and folder is not None:
        known.append(weights_bytes(folder))
    try:
        require_room(project.path, ROOM_FOR_RUN * max(known))
    except ServiceError:
        # Checkpoints of a run that was killed are worth less than a run.
        shutil.rmtree(project.runs, ignore_errors=True)
        require_room(project.path, ROOM_FOR_RUN * max(known))


def weights_bytes(folder: Path) -> int:
    """Size of the weights in a model's folder; 0 for one that is not there yet."""
    return sum(path.stat().st_size for path in folder.glob("model*.safetensors"))

"""What a training run needs besides annotations, as tests and the bench have it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from backend.document.page import PageRef
from backend.model.base_models import BaseModel
from backend.pipelines.gathering import TrainScene
from backend.pipelines.reading import ReadsPages
from backend.pipelines.schedule import AtOnce
from backend.versions.project import ProjectFolder
from tests.memorised import CPU

PROJECT = 3


class HasImages(Protocol):
    """A project whose pages can be fetched."""

    def fetch(self, ref: PageRef) -> bytes: ...


def train_scene(project: HasImages, data_dir: Path, reader: ReadsPages, base: BaseModel, **changes: Any) -> TrainScene:
    """A scene of project 3 for short runs on the CPU, changed where a test wants it otherwise."""
    scene = TrainScene(
        project=ProjectFolder(data_dir, PROJECT),
        base=base,
        find_base=lambda: base,
        starter_folder=data_dir / "base" / "starter",
        reader_for=lambda config: reader,
        fetch=project.fetch,
        device=CPU,
        least_tasks=5,
        most_tasks=1000,
        most_steps=2,
        least_precision=0.5,
        keep_versions=2,
        progress=lambda **fields: None,
        schedule=AtOnce(),
    )
    return replace(scene, **changes)

"""Projects out to other programs, and models in from them: the two stories told to a shell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch

from backend.errors import RequestError
from backend.label_studio.config import LabelingConfig, parse_labeling_config
from backend.model.imported import load_checkpoint
from backend.pipelines.annotated import AnnotatedTask, AnnotationReader
from backend.pipelines.checkpoint import ImportScene, checkpoint_meaning, import_checkpoint, import_told
from backend.pipelines.choosing import choose_to_judge
from backend.pipelines.connection import Connection
from backend.pipelines.exported import read_export
from backend.pipelines.exporting import ExportScene, export_project, export_told
from backend.pipelines.reading import DECODERS, PageReader
from backend.settings import Settings
from backend.versions.project import ProjectFolder

Tell = Callable[[int, int], None]


class Workshop(Protocol):
    """What these stories need of the process's shared parts; `backend.workshop.Workshop` is one."""

    @property
    def settings(self) -> Settings: ...

    @property
    def device(self) -> torch.device: ...

    def connection(self, project_id: int) -> Connection: ...

    def project(self, project_id: int) -> ProjectFolder: ...

    def reader_of(self, project_id: int, config: LabelingConfig) -> PageReader: ...


def export(workshop: Workshop, project_id: int, form: str, folder: Path, tell: Tell) -> Iterator[str]:
    """Write the annotated pages of a project in the form `funsd` or `hf`; lines for people say what was written.

    Raises:
        RequestError, ConfigError, LabelStudioError, ServiceError: nothing was written, or not all.
    """
    connection = workshop.connection(project_id)
    client = connection.required_client()
    project = client.project(project_id)
    config = _config(project)
    scene = ExportScene(
        project_id=project_id,
        title=str(project.get("title") or f"Project {project_id}"),
        config=config,
        reader=workshop.reader_of(project_id, config),
        fetch=connection.fetch,
        decode=partial(DECODERS.decode, max_pixels=workshop.settings.max_megapixels * 1_000_000),
    )
    # Unlike a run, an export leaves no task out because there are many.
    annotated = read_export(client.annotated_tasks(project_id), config, most_tasks=10**9)
    yield from export_told(export_project(annotated, scene, form, folder, tell), folder)


def import_model(workshop: Workshop, project_id: int, folder: Path, *, segment_boxes: bool) -> Iterator[str]:
    """Make a version of the model in a folder; lines for people say what became of it.

    To be called by the holder of the project's `train.lock`.

    Raises:
        RequestError, ConfigError, LabelStudioError, ServiceError, TrainingRefused: no version came of it.
    """
    connection = workshop.connection(project_id)
    client = connection.required_client()
    config = _config(client.project(project_id))
    checkpoint = load_checkpoint(folder, segment_boxes=segment_boxes)
    meaning = checkpoint_meaning(checkpoint, config)
    reader = AnnotationReader(
        workshop.reader_of(project_id, config),
        connection.fetch,
        config,
        checkpoint.encoder.spec.visual,
        workshop.settings.train_least_readable,
    )
    annotated = read_export(client.annotated_tasks(project_id), config, workshop.settings.train_max_tasks)
    tasks: list[AnnotatedTask] = reader.read_tasks(annotated, lambda **fields: None).tasks
    scene = ImportScene(
        project=workshop.project(project_id),
        config=config,
        tasks=choose_to_judge(tasks).tasks,
        device=workshop.device,
        least_precision=workshop.settings.least_precision,
        name=folder.resolve().name,
    )
    yield from import_told(import_checkpoint(checkpoint, meaning, scene), project_id)


def _config(project: dict[str, Any]) -> LabelingConfig:
    """The labeling configuration of a project as Label Studio describes it.

    Raises:
        ConfigError, RequestError: it cannot be served, or has no labels.
    """
    config = parse_labeling_config(project["label_config"])
    if not config.labels:
        raise RequestError("no_labels", "the labeling configuration has no labels", "add Label tags to RectangleLabels")
    return config

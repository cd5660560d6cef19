"""`LayoutLMv3Backend`, the class that a Label Studio person looks for, and what the two processes need around it.

A thin face over the two stories. Importing this module imports torch and label-studio-ml, which takes seconds: the web
process does it in the background, the training job in its own process.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cached_property
from types import ModuleType
from typing import Any

import torch
import transformers
from label_studio_ml.model import LabelStudioMLBase

from backend.label_studio.config import LabelingConfig, parse_labeling_config
from backend.label_studio.events import project_id as parse_project_id
from backend.model.base_models import BaseModel, choose_base_model
from backend.model.device import choose_device
from backend.model.faults import device_name
from backend.model.live import LiveModels
from backend.ocr.auto import make_engine
from backend.ocr.cache import OcrCache
from backend.pipelines.connection import Connection, connect
from backend.pipelines.idle import IdleTime
from backend.pipelines.predict import PredictAnswer, Scene, predict_tasks
from backend.pipelines.progress import Progress
from backend.pipelines.read_ahead import ProjectAhead, ReadAhead
from backend.pipelines.reading import PageReader, RememberedPages
from backend.pipelines.schedule import AtOnce, Schedule
from backend.settings import Settings, load_settings
from backend.versions.project import ProjectFolder, ProjectRecord, load_record

Json = dict[str, Any]

# The log is JSON lines: no progress bars and no report of each load between them.
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

QUIET_S = 1.0
"""How long no prediction was at work before a page is read ahead: a person's next request is often right behind."""

EXPORT_PATIENCE_S = 1800.0
"""How long a run waits for a Label Studio that is down before it fails and is tried again later."""

NEWS_PATIENCE_S = 15.0
"""The same for what is saved during a deep fit, which waits meanwhile."""


class Workshop:
    """What all projects of one process share: the settings, the device, the OCR engine and the loaded versions.

    Args:
        patience_s: how long Label Studio is asked again while it is down; a training run can wait longer than a page.
    """

    def __init__(self, settings: Settings, *, patience_s: float = 15.0) -> None:
        self.settings = settings
        self.patience_s = patience_s
        self._connections: dict[int, tuple[ProjectRecord | None, Connection]] = {}

    @cached_property
    def device(self) -> torch.device:
        return choose_device(self.settings.device)

    @cached_property
    def reader(self) -> PageReader:
        engine = make_engine(
            self.settings.ocr_engine,
            languages=self.settings.ocr_languages,
            page_segmentation=self.settings.ocr_page_segmentation,
            timeout_s=self.settings.ocr_timeout_s,
        )
        cache = OcrCache(self.settings.data_dir / "ocr")
        return PageReader(engine, cache, self.settings.max_megapixels * 1_000_000)

    @cached_property
    def remembered_pages(self) -> RememberedPages:
        """The reader of training runs, which need the same pages again and again."""
        return RememberedPages(self.reader)

    @cached_property
    def models(self) -> LiveModels:
        return LiveModels(self.settings.data_dir, self.device, self.settings.model_memory_mb * 1_000_000)

    @cached_property
    def base_model(self) -> BaseModel:
        """The base model that runs on this machine start from; downloaded from the hub when it has to be."""
        return choose_base_model(self.settings.base_model, has_gpu=self.device.type == "cuda")

    @cached_property
    def told_base_model(self) -> BaseModel:
        """The base model as far as it is known without a download, for a process that only tells of it."""
        return choose_base_model(self.settings.base_model, has_gpu=self.device.type == "cuda", download=False)

    def project(self, project_id: int) -> ProjectFolder:
        return ProjectFolder(self.settings.data_dir, project_id)

    def connection(self, project_id: int) -> Connection:
        """The way to Label Studio for a project; made anew when Label Studio announced another one."""
        record = load_record(self.project(project_id))
        known = self._connections.get(project_id)
        if known is None or known[0] != record:
            known = (record, connect(self.settings, record, patience_s=self.patience_s))
            self._connections[project_id] = known
        return known[1]

    def ahead(self, project_id: int) -> ProjectAhead | None:
        """What it takes to read pages of a project ahead; None where Label Studio cannot be asked for them."""
        record = load_record(self.project(project_id))
        connection = self.connection(project_id)
        if record is None or connection.client is None or not connection.client.has_token:
            return None
        base = self.told_base_model
        return ProjectAhead(
            studio=connection.client,
            config=parse_labeling_config(record.label_config),
            reader=self.reader,
            fetch=connection.fetch,
            pictures=base.is_used and not base.is_starter,  # the starter sees none
        )


class LayoutLMv3Backend(LabelStudioMLBase):  # type: ignore[misc] # the package ships no types
    """Pre-annotates document pages of one project and learns from its annotations.

    Args:
        label_config: the project's labeling configuration; needs RectangleLabels over an Image.
        project: Label Studio's project, as its number or as the text that Label Studio sends.
        workshop: shared by the projects of a process; made from the environment when not given.

    Raises:
        ConfigError: the labeling configuration cannot be served; the message says what is wrong.
    """

    def __init__(
        self,
        label_config: str | None = None,
        train_output: Json | None = None,
        *,
        project: Any = 0,
        workshop: Workshop | None = None,
        **kwargs: Any,
    ) -> None:
        self.config: LabelingConfig = parse_labeling_config(label_config or "<View/>")
        super().__init__(label_config=label_config, train_output=train_output, **kwargs)
        self.project_id = parse_project_id(project)
        self.workshop = workshop or Workshop(load_settings())

    def predict(self, tasks: list[Json], context: Json | None = None, **kwargs: Any) -> list[Json | list[Any]]:
        """One prediction per task, in order; `[]` for a task that cannot be predicted."""
        return self.answer(tasks, context).results

    def answer(
        self,
        tasks: list[Json],
        context: Json | None = None,
        *,
        deadline: float | None = None,
        is_awaited: Callable[[], bool] = lambda: True,
    ) -> PredictAnswer:
        """Predictions with the reasons for those that are missing.

        Args:
            tasks: as Label Studio sends them.
            context: of a smart tool: the region that is being drawn.
            deadline: on the monotonic clock; by default the full time of a request from now.
            is_awaited: whether somebody still waits for the answer.

        Raises:
            ServiceError: no task could be predicted because something all of them need is missing or down.
            ClientGone: nobody waits any more.
        """
        scene = Scene(
            config=self.config,
            reader=self.workshop.reader,
            fetch=self.connection.fetch,
            version=self.workshop.models.get(self.project_id),
            context=context,
            deadline=deadline or time.monotonic() + self.workshop.settings.predict_deadline_s,
            is_awaited=is_awaited,
        )
        return predict_tasks(tasks, scene)

    def fit(
        self,
        tasks: Any = (),
        workdir: str | None = None,
        progress: Progress | None = None,
        schedule: Schedule | None = None,
        **kwargs: Any,
    ) -> Json:
        """Train on everything annotated in the project, whatever is passed: the truth is in Label Studio.

        Args:
            schedule: says when the steps of the run are due; by default both are, once.

        Returns:
            `version`, `promoted`, `reason`, `annotations`, `fingerprint` and `metrics` of the run.

        Raises:
            TrainingRefused, LabelStudioError, ConfigError: no version came of it; the live one stays.
        """
        train = load_training()
        client = self.connection.required_client()
        scene = train.TrainScene(
            project=self.workshop.project(self.project_id),
            base=self.workshop.told_base_model,
            find_base=lambda: self.workshop.base_model,
            starter_folder=self.workshop.settings.data_dir / "base" / "starter",
            reader=self.workshop.remembered_pages,
            fetch=self.connection.fetch,
            device=self.workshop.device,
            least_tasks=self.workshop.settings.train_min_annotations,
            most_tasks=self.workshop.settings.train_max_tasks,
            most_steps=self.workshop.settings.train_max_steps,
            least_precision=self.workshop.settings.least_precision,
            keep_versions=self.workshop.settings.keep_versions,
            progress=progress or (lambda **fields: None),
            schedule=schedule or AtOnce(),
            label_studio_url=self.connection.announced or self.connection.base_url,
            least_readable=self.workshop.settings.train_least_readable,
            may_use_cpu=self.workshop.settings.device == "auto",
            news_from=client.with_patience(NEWS_PATIENCE_S),
        )
        report: Json = asdict(train.train_project(client, scene))
        return report

    @property
    def connection(self) -> Connection:
        return self.workshop.connection(self.project_id)


class Predictor:
    """The prediction side of the web process: a backend for each request, one workshop for all."""

    def __init__(self, settings: Settings) -> None:
        self.workshop = Workshop(settings)
        self._idle = IdleTime(QUIET_S)
        self._ahead = ReadAhead(self.workshop.ahead, self._idle, most_pages=settings.read_ahead_pages)

    def answer(
        self,
        project_id: int,
        tasks: list[Json],
        label_config: str,
        context: Json | None,
        *,
        deadline: float,
        is_awaited: Callable[[], bool] = lambda: True,
    ) -> PredictAnswer:
        try:
            with self._idle.interrupted():
                backend = LayoutLMv3Backend(label_config, project=project_id, workshop=self.workshop)
                return backend.answer(tasks, context, deadline=deadline, is_awaited=is_awaited)
        finally:
            if len(tasks) == 1:  # somebody opened it
                self.read_ahead(project_id, tasks[0])

    def read_ahead(self, project_id: int, opened: object = None) -> None:
        """Tell that somebody looks at a project; its next pages are read when there is time.

        Args:
            opened: the task that was opened, as Label Studio sends it.
        """
        task_id = opened.get("id") if isinstance(opened, dict) else None
        self._ahead.wish(project_id, task_id if isinstance(task_id, int) else None)

    def follow_promotions(self) -> None:
        """Load versions that were promoted since, so that the next page finds them in memory; seconds if there are."""
        self.workshop.models.follow()

    def describe(self) -> Json:
        """The device and the base model with its licence and the reason for it."""
        base = self.workshop.told_base_model
        return {
            "device": device_name(self.workshop.device),
            "base_model": {"name": base.name, "licence": base.licence, "reason": base.reason},
        }

    def loaded_bytes(self) -> Mapping[int, int]:
        """By project the memory of the weights that are loaded for it."""
        return self.workshop.models.loaded_bytes


def load_predictor(settings: Settings) -> Predictor:
    """The prediction side, ready to answer."""
    predictor = Predictor(settings)
    predictor.describe()
    return predictor


class Trainer:
    """The training side of a project: one workshop for all runs of a process."""

    def __init__(self, settings: Settings, project_id: int) -> None:
        self.workshop = Workshop(settings, patience_s=EXPORT_PATIENCE_S)
        self.project_id = project_id
        load_training()

    def run(self, progress: Progress, schedule: Schedule | None = None) -> Json:
        """One training run; see `LayoutLMv3Backend.fit`."""
        record = load_record(self.workshop.project(self.project_id))
        label_config = record.label_config if record else None
        backend = LayoutLMv3Backend(label_config, project=self.project_id, workshop=self.workshop)
        return backend.fit(progress=progress, schedule=schedule)


def load_training() -> ModuleType:
    """The train story, imported here and in no other place, so that a process that predicts never has it."""
    return importlib.import_module("backend.pipelines.train")

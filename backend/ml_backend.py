"""`LayoutLMv3Backend`, the class that a Label Studio person looks for, and what the two processes need around it.

A thin face over the two stories. Importing this module imports torch and label-studio-ml, which takes seconds: the web
process does it in the background, the training job in its own process.
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from types import ModuleType
from typing import Any

import transformers
from label_studio_ml.model import LabelStudioMLBase

from backend.label_studio.config import LabelingConfig, parse_labeling_config
from backend.label_studio.events import project_id as parse_project_id
from backend.label_studio.predictions import StoredPredictions
from backend.model.faults import device_name
from backend.model.live import LoadedVersion
from backend.model.tagger import load_tagger
from backend.pipelines.connection import Connection
from backend.pipelines.idle import IdleTime
from backend.pipelines.predict import PredictAnswer, Scene, predict_tasks
from backend.pipelines.prelabel import ChunkReport, PrelabelScene, prelabel
from backend.pipelines.progress import Progress
from backend.pipelines.read_ahead import ReadAhead
from backend.pipelines.schedule import AtOnce, Schedule
from backend.settings import Settings, load_settings
from backend.versions.project import load_record
from backend.versions.store import VersionStore, version_name
from backend.workshop import Workshop

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

PRELABEL_PATIENCE_S = 120.0
"""The same for a chunk of tasks that is prelabelled; whoever started that can start it again."""


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
            config=self.workshop.steered(self.project_id, self.config),
            reader=self.workshop.reader_of(self.project_id, self.config),
            fetch=self.connection.fetch,
            version=self.workshop.models.get(self.project_id),
            context=context,
            deadline=deadline or time.monotonic() + self.workshop.settings.predict_deadline_s,
            is_awaited=is_awaited,
            recent=self.workshop.recent,
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
            base=self.workshop.told_base_model_of(self.project_id),
            find_base=partial(self.workshop.base_model_of, self.project_id),
            starter_folder=self.workshop.settings.data_dir / "base" / "starter",
            reader_for=partial(self.workshop.remembered_pages_of, self.project_id),
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
            report_to=self.workshop.settings.report_to,
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
    _ = predictor.workshop.reader  # an OCR engine that cannot be made is told at the start, and in /health
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


class Prelabeler:
    """The prelabel story for one project and one version, for all chunks of a process.

    Args:
        number: of the version, whether it is live (still) or not.

    Raises:
        VersionError: the version is damaged or gone.
        LabelStudioError: Label Studio cannot be asked for the project.
    """

    def __init__(self, settings: Settings, project_id: int, number: int) -> None:
        self.workshop = Workshop(settings, patience_s=PRELABEL_PATIENCE_S)
        self.project_id = project_id
        connection = self.workshop.connection(project_id)
        client = connection.required_client()
        config = parse_labeling_config(client.project(project_id)["label_config"])
        folder = self.workshop.project(project_id)
        tagger = load_tagger(VersionStore(folder).folder(number), self.workshop.device)
        self._scene = Scene(
            config=self.workshop.steered(project_id, config),
            reader=self.workshop.reader_of(project_id, config),
            fetch=connection.fetch,
            version=LoadedVersion(number, tagger),
            context=None,
            deadline=math.inf,
            recent=self.workshop.recent,
        )
        self._prelabel_scene = PrelabelScene(
            stored=StoredPredictions(client, project_id),
            predict=lambda tasks: predict_tasks(tasks, self._scene),
            version=version_name(number),
            older=frozenset(),
            lock=folder.push_lock,
        )
        self._older = frozenset(version_name(older) for older in range(1, number))

    def chunk(self, task_ids: Sequence[int], *, replace_older: bool) -> ChunkReport:
        """Prelabel some tasks; see `pipelines.prelabel.prelabel`.

        Args:
            replace_older: delete predictions of the versions before this one.
        """
        older = self._older if replace_older else frozenset()
        return prelabel(task_ids, replace(self._prelabel_scene, older=older))


def stored_predictions(settings: Settings, project_id: int) -> StoredPredictions:
    """What Label Studio keeps of a project's predictions.

    Raises:
        LabelStudioError: nobody said where Label Studio is.
    """
    connection = Workshop(settings, patience_s=PRELABEL_PATIENCE_S).connection(project_id)
    return StoredPredictions(connection.required_client(), project_id)


def load_training() -> ModuleType:
    """The train story, imported here and in no other place, so that a process that predicts never has it."""
    return importlib.import_module("backend.pipelines.train")

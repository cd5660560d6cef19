"""What the projects of one process share, and what is made of it for one project.

Importing this module imports torch, which takes seconds.
"""

from __future__ import annotations

from functools import cached_property

import torch

from backend.document.ocr_choice import OcrChoice
from backend.label_studio.config import LabelingConfig, parse_labeling_config
from backend.label_studio.extra_params import ocr_choice, parse_extra_params, steered
from backend.model.base_models import BaseModel, choose_base_model, imported_base
from backend.model.device import choose_device
from backend.model.live import LiveModels
from backend.pipelines.connection import Connection, connect
from backend.pipelines.read_ahead import ProjectAhead
from backend.pipelines.readers import Readers
from backend.pipelines.reading import PageReader, RememberedPages
from backend.pipelines.recent import RecentPages
from backend.settings import Settings
from backend.versions.project import ProjectFolder, ProjectRecord, load_record


class Workshop:
    """What all projects of one process share: the settings, the device, the OCR engines and the loaded versions.

    Args:
        patience_s: how long Label Studio is asked again while it is down; a training run can wait longer than a page.
    """

    def __init__(self, settings: Settings, *, patience_s: float = 15.0) -> None:
        self.settings = settings
        self.patience_s = patience_s
        self.recent = RecentPages()
        self._connections: dict[int, tuple[ProjectRecord | None, Connection]] = {}
        self._readers = Readers(settings)
        self._remembered: dict[OcrChoice, RememberedPages] = {}

    @cached_property
    def device(self) -> torch.device:
        return choose_device(self.settings.device)

    @cached_property
    def reader(self) -> PageReader:
        """The reader of projects that state no OCR of their own."""
        return self._readers.of(self._ocr_of_settings)

    def reader_of(self, project_id: int, config: LabelingConfig) -> PageReader:
        """The reader of a project's pages, whoever needs them: prediction, training, reading ahead, evaluation.

        Its OCR is what the tags of the configuration state, else what the project's extra params do, else that of the
        settings.
        """
        return self._readers.of(self._ocr_of(project_id, config))

    def remembered_pages_of(self, project_id: int, config: LabelingConfig) -> RememberedPages:
        """The reader of training runs, which need the same pages again and again."""
        choice = self._ocr_of(project_id, config)
        if choice not in self._remembered:
            self._remembered[choice] = RememberedPages(self._readers.of(choice))
        return self._remembered[choice]

    def steered(self, project_id: int, config: LabelingConfig) -> LabelingConfig:
        """A project's configuration with what its extra params add."""
        record = load_record(self.project(project_id))
        return steered(config, parse_extra_params(record.extra_params)) if record else config

    def _ocr_of(self, project_id: int, config: LabelingConfig) -> OcrChoice:
        return ocr_choice(self.steered(project_id, config), self._ocr_of_settings)

    @property
    def _ocr_of_settings(self) -> OcrChoice:
        return OcrChoice(self.settings.ocr_engine, self.settings.ocr_languages)

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

    def told_base_model_of(self, project_id: int) -> BaseModel:
        """As `told_base_model`, or the project's own, if a model was imported into it and deep learners are wanted."""
        own = imported_base(self.project(project_id).base) if self.settings.fits_deep else None
        return own or self.told_base_model

    def base_model_of(self, project_id: int) -> BaseModel:
        """What the deep learner of a project starts from; downloaded from the hub when it has to be."""
        own = self.told_base_model_of(project_id)
        return own if own.folder is not None else self.base_model

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
        base = self.told_base_model_of(project_id)
        config = parse_labeling_config(record.label_config)
        return ProjectAhead(
            studio=connection.client,
            config=config,
            reader=self.reader_of(project_id, config),
            fetch=connection.fetch,
            pictures=base.is_used and not base.is_starter,  # the starter sees none
        )

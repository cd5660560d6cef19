"""The web application as it runs: the real prediction side, the real queue, the real Label Studio."""

from __future__ import annotations

import logging
from functools import partial

from flask import Flask

from backend.jobs.dispatcher import Dispatcher
from backend.jobs.queue import TrainingQueue
from backend.jobs.queue import connect as connect_queue
from backend.pipelines.connection import connect as connect_label_studio
from backend.service.app import create_app
from backend.service.loading import import_predictor
from backend.settings import Settings
from backend.versions.project import ProjectFolder, load_record

LOG = logging.getLogger(__name__)


def web_app(settings: Settings) -> Flask:
    """The application of one web process, with its dispatcher."""
    if not settings.label_studio_tls_check:
        LOG.warning("the certificate of Label Studio is not checked: its token can be read on the way to it")

    def fingerprint(project_id: int) -> str:
        record = load_record(ProjectFolder(settings.data_dir, project_id))
        return connect_label_studio(settings, record).required_client().fingerprint(project_id)

    queue = TrainingQueue(settings, connect_queue(settings.queue_url, patient=False))
    dispatcher = Dispatcher(settings, queue, fingerprint)
    return create_app(settings, predictor_loader=partial(import_predictor, settings), dispatcher=dispatcher)

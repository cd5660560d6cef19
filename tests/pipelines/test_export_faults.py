"""An export that fails half way makes no version: the client over real HTTP, the story up to there (FA22, FA25)."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from backend.jobs.changes import note_change, read_changes
from backend.jobs.due import due
from backend.jobs.run_state import Phase, read_run
from backend.jobs.train_job import Recorder, run_with
from backend.label_studio.client import LabelStudioClient
from backend.model.base_models import choose_base_model
from backend.pipelines.reading import PageReader
from backend.pipelines.schedule import Schedule
from backend.pipelines.train import train_project
from backend.settings import Settings
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.conftest import SettingsFactory
from tests.label_studio.test_client import Studio, as_json
from tests.memorised import FORMS
from tests.pages.loopback import Answer, Asked, Listener, reply
from tests.pipelines.annotated import DrawnProject
from tests.pipelines.scenes import PROJECT, train_scene


class Failing(Studio):
    """Lists its first page of tasks and fails from then on, until it is told to be well again."""

    def __init__(self, failure: bytes) -> None:
        super().__init__()
        self.failure = failure
        self.listed = 0

    def __call__(self, asked: Asked) -> Answer:
        if urlsplit(asked.target).path != "/api/tasks/":
            return super().__call__(asked)
        if "-tasks" not in asked.target:  # not the newest annotation, but a page of the export
            self.listed += 1
        return self.failure if self.listed > 1 else super().__call__(asked)

    def project(self) -> dict[str, Any]:
        return super().project() | {"label_config": FORMS}


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (b"", "label_studio_unreachable"),
        (reply(status=500), "label_studio_http"),
        (reply(b'{"tasks": [{"id": 1', content_type="application/json"), "label_studio_http"),
        (as_json({"tasks": [], "total": 50}), "label_studio_incomplete"),
        (reply(b"{}", 401), "label_studio_auth"),
    ],
    ids=["gone", "failing", "broken off", "short", "refused"],
)
def test_FA22_FA25_no_version_is_made_of_a_part_of_the_annotations(
    make_settings: SettingsFactory, tmp_path: Path, reader: PageReader, failure: bytes, code: str
) -> None:
    settings = make_settings(TRAIN_QUIET_S="0", RECONCILE_S="300")
    folder = ProjectFolder(settings.data_dir, PROJECT)
    note_change(folder)
    studio = Failing(failure)
    for task in studio.add_tasks(150):
        studio.annotate(task)

    with Listener(studio) as server:
        client = LabelStudioClient(server.url, "legacy", patience_s=0.3, pause_s=0.05, connect_s=1.0)

        def load(settings: Settings, project_id: int) -> Any:
            def train(progress: Recorder, notes: Schedule) -> dict[str, Any]:
                base = choose_base_model("none", has_gpu=False)
                nothing = DrawnProject(FORMS, [])
                scene = train_scene(nothing, settings.data_dir, reader, base, progress=progress, schedule=notes)
                train_project(client, scene)
                raise AssertionError("it trained on a part of the annotations")

            return train

        run_with(settings, PROJECT, load)

    assert studio.listed > 1, "the first page came"
    run, changes = read_run(folder), read_changes(folder)
    assert run is not None
    assert (run.state, run.code) == (Phase.FAILED, code)
    assert VersionStore(folder).numbers() == []
    assert changes.pending
    assert changes.retry_from is not None
    assert not due(changes, settings, changes.retry_from + 299)
    assert due(changes, settings, changes.retry_from + 300), "the timer queues it again"

"""The web server, started for real, where something it needs is missing or it is killed itself."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from backend.jobs.changes import note_change, note_job, read_changes
from backend.jobs.queue import TrainingQueue, connect
from backend.jobs.run_state import Phase, read_run
from backend.model.classifier import WordClassifier
from backend.model.folders import load_base
from backend.model.tagger import PageTagger, save_tagger
from backend.settings import load_settings
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.disks import make_read_only, small_disk
from tests.jobs.stand_in import JOB, told
from tests.memorised import FORMS, LABELS
from tests.service.web_server import Server, web_server
from tests.tiny_model import save_tiny_base
from tests.waiting import wait_until

EVENT = {"action": "ANNOTATION_CREATED", "project": 3}


def wait_for_status(server: Server, status: int) -> dict[str, Any]:
    """What `/health` tells as soon as it has a status."""
    wait_until(lambda: server.ask("GET", "/health")[0] == status, 60, f"/health answers {status}")
    return server.health()


def error_lines(server: Server, words: str) -> list[str]:
    return [line for line in server.log.read_text().splitlines() if words in line and '"ERROR"' in line]


def publish_version(data_dir: Path, scratch: Path) -> None:
    """A version of project 3, of a model that never learnt anything."""
    classifier = WordClassifier(*load_base(save_tiny_base(scratch), LABELS), LABELS, torch.device("cpu"))
    store = VersionStore(ProjectFolder(data_dir, 3))
    with store.stage() as staged:
        save_tagger(PageTagger(deep=classifier), staged)
        store.promote(store.publish(staged, {}), "test")


def test_FA12_training_goes_on_while_the_web_server_is_killed_and_is_shown_after_its_restart(
    tmp_path: Path, redis_url: str
) -> None:
    data_dir, log = tmp_path / "data", tmp_path / "log.txt"
    settings = load_settings({"DATA_DIR": str(data_dir), "REDIS_URL": redis_url})
    folder = ProjectFolder(data_dir, 3)
    folder.path.mkdir(parents=True)
    (folder.path / "plan.json").write_text('["slow"]')
    note_change(folder)
    job = TrainingQueue(settings, connect(redis_url, patient=False), JOB).enqueue(3)
    note_job(folder, job)

    def training(server: Server) -> dict[str, Any]:
        found: dict[str, Any] = server.health()["projects"].get("3", {}).get("training") or {}
        return found

    environ = {**os.environ, "DATA_DIR": str(data_dir), "REDIS_URL": redis_url, "TRAIN_QUIET_S": "0"}
    with subprocess.Popen([sys.executable, "-m", "tests.jobs.stand_in"], env=environ) as worker:
        try:
            wait_until(lambda: told(folder), 30, "the run begins")
            run = int(told(folder)[0].split()[1])
            with web_server(data_dir, log, REDIS_URL=redis_url) as first:
                wait_until(lambda: training(first).get("state") == "running", 30, "the run is shown")
                os.kill(run, signal.SIGSTOP)  # it would be over before the second server is up
            with web_server(data_dir, log, REDIS_URL=redis_url) as second:
                wait_until(lambda: training(second).get("job") == job, 30, "the run is shown again")
                os.kill(run, signal.SIGCONT)
                wait_until(lambda: not training(second), 30, "the run ends")
            ended = read_run(folder)
            assert ended is not None
            assert (ended.job, ended.state) == (job, Phase.SUCCEEDED)
            assert told(folder) == [f"begin {run}", "end"], "it was not begun anew"
            assert not read_changes(folder).pending
        finally:
            worker.kill()


def test_FA16_a_read_only_data_folder_is_told_and_healed_without_a_restart(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        make_read_only(disk)
        with web_server(disk, tmp_path / "log.txt") as server:
            facts = wait_for_status(server, 503)
            assert (facts["status"], facts["storage"], facts["error"]["code"]) == ("DOWN", "read-only", "storage")
            assert len(error_lines(server, "the data folder is missing or cannot be written")) == 1
            status, reason, answer, _ = server.ask("POST", "/webhook", EVENT)
            assert (status, answer["error"]["code"]) == (503, "storage")
            assert "data folder" in reason
            make_read_only(disk, read_only=False)
            assert wait_for_status(server, 200)["storage"] in ("ok", "full")
            assert server.ask("POST", "/webhook", EVENT)[0] == 201


def test_FA21_a_base_model_folder_that_lacks_files_is_told_by_their_names(tmp_path: Path) -> None:
    folder = save_tiny_base(tmp_path / "my-base")
    weights = (folder / "model.safetensors").rename(tmp_path / "elsewhere")
    with web_server(tmp_path / "data", tmp_path / "log.txt", BASE_MODEL=str(folder), HF_HUB_OFFLINE="1") as server:
        facts = wait_for_status(server, 503)
        assert facts["error"]["code"] == "base_model_missing"
        assert facts["model"]["reason"] == "the base model folder my-base lacks model.safetensors"
        assert "save_pretrained" in facts["error"]["hint"], "how they come there"
        body = {"project": 3, "tasks": [{"id": 1, "data": {"image": "u"}}], "label_config": FORMS}
        status, _, answer, _ = server.ask("POST", "/predict", body)
        assert (status, answer["error"]["code"]) == (503, "base_model_missing")
        assert server.ask("POST", "/webhook", EVENT)[0] == 201
        weights.rename(folder / "model.safetensors")
        wait_for_status(server, 200)


def test_FA34_without_the_ocr_program_predictions_are_refused_and_webhooks_are_not(
    tmp_path: Path, form_png: bytes
) -> None:
    publish_version(tmp_path / "data", tmp_path / "base")
    (tmp_path / "bin").mkdir()
    with web_server(tmp_path / "data", tmp_path / "log.txt", PATH=str(tmp_path / "bin")) as server:
        facts = wait_for_status(server, 503)
        assert (facts["ocr"], facts["error"]["code"]) == ("missing", "ocr_missing")
        assert len(error_lines(server, "tesseract is not installed")) == 1
        image = "data:image/png;base64," + base64.b64encode(form_png).decode()
        body = {"project": 3, "tasks": [{"id": 1, "data": {"image": image}}], "label_config": FORMS}
        status, _, answer, _ = server.ask("POST", "/predict", body)
        assert (status, answer["error"]["code"]) == (503, "ocr_missing")
        assert server.ask("POST", "/webhook", EVENT)[0] == 201
        assert server.ask("GET", "/health")[2]["projects"]["3"]["version"] == "v1"

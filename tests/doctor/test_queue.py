from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rq.serializers import JSONSerializer
from rq.worker import Worker

from backend.doctor.finding import Level
from backend.doctor.queue import examine_queue
from backend.jobs.queue import connect
from backend.settings import Settings, load_settings
from backend.versions.locks import locked
from tests.doctor.stand_in import codes
from tests.pages.loopback import closed_port

MakeSettings = Callable[..., Settings]


@pytest.fixture
def own_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Without REDIS_URL, and with a folder whose path is short enough for a socket."""
    return load_settings({"DATA_DIR": str(tmp_path_factory.mktemp("d"))})


def test_a_redis_that_is_down_is_named(make_settings: MakeSettings) -> None:
    found = list(examine_queue(make_settings(REDIS_URL=f"redis://127.0.0.1:{closed_port()}/0")))
    assert codes(found) == ["redis_down"]
    assert [finding.level for finding in found] == [Level.FAILED, Level.SKIPPED]


def test_without_a_running_backend_that_is_named(own_settings: Settings) -> None:
    assert codes(list(examine_queue(own_settings))) == ["backend_not_running"]


def test_a_running_backend_without_redis_is_named(own_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with locked(own_settings.data_dir / "run" / "supervisor.lock"):
        assert codes(list(examine_queue(own_settings))) == ["redis_down"]
        monkeypatch.setenv("PATH", "")
        assert codes(list(examine_queue(own_settings))) == ["redis_missing"]


def test_a_socket_that_only_the_backend_knows_is_skipped(tmp_path: Path) -> None:
    found = list(examine_queue(load_settings({"DATA_DIR": str(tmp_path / ("long" * 30))})))
    assert [finding.level for finding in found] == [Level.SKIPPED]


def test_a_worker_is_found_and_missed(make_settings: MakeSettings, redis_url: str) -> None:
    settings = make_settings(REDIS_URL=redis_url)
    assert codes(list(examine_queue(settings))) == ["worker_down"]
    worker = Worker([settings.rq_queue_name], connection=connect(redis_url, patient=False), serializer=JSONSerializer)
    worker.register_birth()
    try:
        assert codes(list(examine_queue(settings))) == []
    finally:
        worker.register_death()

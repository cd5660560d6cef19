"""What a worker's child does of prelabelling: a chunk and the rest behind it, and a beginning after a promotion."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from redis import Redis

from backend.errors import LabelStudioError
from backend.jobs import prelabel_job
from backend.jobs.prelabel_queue import Chain, PrelabelQueue
from backend.jobs.queue import connect
from backend.settings import Settings
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.conftest import SettingsFactory

PROJECT = 3


class Prelabeler:
    """Stores whatever it is given, or fails."""

    fault: LabelStudioError | None = None

    def __init__(self, settings: Settings, project_id: int, number: int) -> None:
        self.number = number

    def chunk(self, task_ids: tuple[int, ...], *, replace_older: bool) -> Any:
        if self.fault is not None:
            raise self.fault
        return SimpleNamespace(to_json=lambda: {"tasks": len(task_ids), "stored": len(task_ids)})


@pytest.fixture
def settings(make_settings: SettingsFactory, redis_url: str) -> Settings:
    return make_settings(REDIS_URL=redis_url, PRELABEL_AFTER_PROMOTION="true")


@pytest.fixture
def connection(settings: Settings) -> Redis:
    return connect(settings.queue_url, patient=True)


@pytest.fixture
def queue(settings: Settings, connection: Redis) -> PrelabelQueue:
    return PrelabelQueue(settings, connection)


@pytest.fixture(autouse=True)
def as_a_child(settings: Settings, connection: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process in place of a worker's child, with a prelabeler that needs no model."""
    missing = [{"id": task} for task in range(1, 121)]
    stored = SimpleNamespace(missing=lambda version, *, annotated: missing)
    side = SimpleNamespace(Prelabeler=Prelabeler, stored_predictions=lambda settings, project_id: stored)
    monkeypatch.setattr(prelabel_job, "step_back", lambda: None)
    monkeypatch.setattr(prelabel_job, "load_settings", lambda: settings)
    monkeypatch.setattr(prelabel_job, "get_current_job", lambda: SimpleNamespace(connection=connection))
    monkeypatch.setattr(prelabel_job.importlib, "import_module", lambda name: side)


def give_a_version(settings: Settings) -> int:
    store = VersionStore(ProjectFolder(settings.data_dir, PROJECT))
    with store.stage() as staged:
        (staged / "weights.safetensors").write_bytes(b"weights")
        number = store.publish(staged, {})
    store.promote(number, "test")
    return number


def test_the_rest_of_a_chain_goes_behind_whatever_waits(queue: PrelabelQueue) -> None:
    report = prelabel_job.run(PROJECT, 1, [1, 2, 3, 4, 5], 2, False, False)
    assert (report["tasks"], report["stored"]) == (2, 2)
    assert queue.unfinished(PROJECT) == {report["next"]: Chain(PROJECT, 1, (3, 4, 5), 2)}
    assert "next" not in prelabel_job.run(PROJECT, 1, [5], 2, False, False)


def test_a_chain_ends_with_the_reason_of_a_failure(queue: PrelabelQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Prelabeler, "fault", LabelStudioError("label_studio_auth", "refused", "a token"))
    report = prelabel_job.run(PROJECT, 1, [1, 2, 3], 2, False, False)
    assert report == {"error": {"code": "label_studio_auth", "message": "refused", "hint": "a token"}}
    assert queue.unfinished(PROJECT) == {}


def test_a_chain_of_a_promotion_ends_when_another_version_is_live(settings: Settings, queue: PrelabelQueue) -> None:
    old = give_a_version(settings)
    assert prelabel_job.run(PROJECT, old, [1, 2, 3], 2, True, True)["stored"] == 2
    give_a_version(settings)
    assert prelabel_job.run(PROJECT, old, [3], 2, True, True) == {"tasks": 0}
    assert prelabel_job.run(PROJECT, old, [3], 2, True, False)["stored"] == 1  # somebody asked for this version


def test_a_promotion_has_what_nobody_annotated_predicted_in_place_of_what_waits(
    settings: Settings, queue: PrelabelQueue
) -> None:
    number = give_a_version(settings)
    asked_for = Chain(PROJECT, number, (7,), 2)
    queue.add(asked_for)
    queue.add(Chain(PROJECT, number, (8, 9), 2, replace_older=True, while_live=True))
    prelabel_job.begin(PROJECT)
    chains = list(queue.unfinished(PROJECT).values())
    assert asked_for in chains
    [new] = [chain for chain in chains if chain != asked_for]
    assert (new.number, new.replace_older, new.while_live) == (number, True, True)
    assert new.tasks == tuple(range(1, 121))


def test_a_project_without_a_version_is_left_alone(queue: PrelabelQueue) -> None:
    prelabel_job.begin(PROJECT)
    assert queue.unfinished(PROJECT) == {}


@pytest.mark.parametrize(("wanted", "entries"), [("true", 1), ("false", 0)])
def test_promotions_are_followed_only_where_the_operator_wants_that(
    make_settings: SettingsFactory, redis_url: str, connection: Redis, wanted: str, entries: int
) -> None:
    settings = make_settings(REDIS_URL=redis_url, PRELABEL_AFTER_PROMOTION=wanted)
    for _ in range(2):
        prelabel_job.wish_after_promotion(settings, PROJECT, connection)
    prelabel_job.wish_after_promotion(settings, PROJECT, None)
    assert connection.llen(f"rq:queue:{settings.rq_queue_name}") == entries

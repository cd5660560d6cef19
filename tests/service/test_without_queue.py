"""Webhooks, predictions and `/health` while the queue is dead, paused or full: a real Redis each time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import pytest
from rq import Queue

from backend.jobs.changes import read_changes
from backend.versions.project import ProjectFolder
from scripts.speed.served_load import Call, load
from tests.disks import fill, small_disk
from tests.own_redis import OwnRedis, own_redis
from tests.service.web_server import Server, web_server
from tests.waiting import wait_until

EVENT = {"action": "ANNOTATION_CREATED", "project": {"id": 3}, "annotation": {"id": 1, "result": []}}
CONFIG = """<View><Image name="i" value="$image"/>
  <RectangleLabels name="l" toName="i"><Label value="A"/></RectangleLabels></View>"""
PREDICT = {"project": "3", "tasks": [{"id": 1, "data": {"image": "u"}}], "label_config": CONFIG}


@contextmanager
def fault(redis: OwnRedis, kind: str) -> Iterator[None]:
    """The server in trouble, and healed."""
    if kind == "paused":
        with redis.paused():
            yield
        return
    if kind == "dead":
        redis.kill()
        try:
            yield
        finally:
            redis.start()
        return
    if kind == "full disk":
        filler = fill(redis.folder)
        wait_until(lambda: not redis.takes_writes(), 30, "Redis notices that its disk is full")
        try:
            yield
        finally:
            filler.unlink()
        return
    with redis.client() as client:
        try:
            if kind == "full memory":
                client.config_set("maxmemory", "1")
            else:  # as a managed Redis does when another server takes over: it becomes a replica
                client.replicaof("127.0.0.1", 1)
            yield
        finally:
            client.config_set("maxmemory", "0")
            client.replicaof("NO", "ONE")


class Site:
    """A web server and its Redis, whose files lie on a disk of their own."""

    def __init__(self, server: Server, redis: OwnRedis, data_dir: Path) -> None:
        self.server = server
        self.redis = redis
        self.folder = ProjectFolder(data_dir, 3)

    def queue_state(self) -> str:
        return str(self.server.health()["queue"])

    def webhook(self) -> tuple[int, float]:
        status, _, _, took_s = self.server.ask("POST", "/webhook", EVENT)
        return status, took_s

    def queued(self) -> list[str]:
        with self.redis.client() as client:
            return Queue("training", connection=client).job_ids


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with ExitStack() as held:
        redis = held.enter_context(own_redis(held.enter_context(small_disk(folder / "disk"))))
        settings = {"REDIS_URL": redis.url, "TRAIN_QUIET_S": "0"}
        server = held.enter_context(web_server(folder / "data", folder / "log.txt", **settings))
        wait_until(lambda: server.health()["model"]["state"] == "ready", 60, "the model is loaded")
        yield Site(server, redis, folder / "data")


@pytest.mark.parametrize("kind", ["dead", "paused"])
def test_FA03_with_a_redis_that_died_webhooks_are_noted_and_predictions_go_on(site: Site, kind: str) -> None:
    check(site, kind, "down")


@pytest.mark.parametrize("kind", ["full disk", "read-only"])
def test_FA06_with_a_redis_that_refuses_writes_webhooks_are_noted_on_disk(site: Site, kind: str) -> None:
    check(site, kind, "read-only")


def test_FA08_with_a_redis_whose_memory_is_full_webhooks_are_noted_and_nothing_is_evicted(site: Site) -> None:
    check(site, "full memory", "read-only")


def check(site: Site, kind: str, shown: str) -> None:
    """The service before, during and after a fault of its queue."""
    wait_until(lambda: site.queue_state() == "ok", 30, "the queue is up")
    site.webhook()
    wait_until(site.queued, 30, "a run waits")
    waiting = site.queued()
    before = read_changes(site.folder).changed
    with fault(site.redis, kind):
        wait_until(lambda: site.queue_state() == shown, 30, f"/health says {shown}")
        answers = [site.webhook() for _ in range(20)]
        assert {status for status, _ in answers} == {201}
        assert sorted(took_s for _, took_s in answers)[10] < 0.2
        assert read_changes(site.folder).changed == before + 20, "each is noted on disk"
        status, _, answer, _ = site.server.ask("POST", "/predict", PREDICT)
        assert (status, answer["results"], answer["errors"][0]["code"]) == (200, [[]], "untrained")
        status, _, facts, _ = site.server.ask("GET", "/health")
        assert (status, facts["status"], facts["queue"]) == (200, "UP", shown)
        if shown == "read-only":
            assert set(waiting) <= set(site.queued()), "nothing that waits is evicted"
    wait_until(lambda: site.queue_state() == "ok", 30, "the queue is back within 30 s")
    wait_until(lambda: read_changes(site.folder).job in site.queued(), 30, "what was noted is a run that waits")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["none", "dead", "paused", "full disk"])
def test_P6_FA03_FA06_webhooks_and_health_are_in_time_with_a_queue_in_trouble(site: Site, kind: str) -> None:
    wait_until(lambda: site.queue_state() == "ok", 30, "the queue is up")
    with (
        nullcontext() if kind == "none" else fault(site.redis, kind),
        load(f"http://127.0.0.1:{site.server.port}", [Call("/webhook", 100, EVENT), Call("/health", 20)]) as answers,
    ):
        time.sleep(10)
    for path, limit_s in (("/webhook", 0.2), ("/health", 0.1)):
        found = answers[path]
        print(f"queue {kind}: {path} {len(found.seconds)} asked, p99 {1000 * found.quantile(0.99):.0f} ms")
        assert found.errors == 0
        assert found.quantile(0.99) < limit_s


def test_RQ26_nothing_of_a_webhook_but_its_project_is_believed_or_kept(site: Site) -> None:
    marked = {"id": 1, "result": [{"value": {"text": "marked-9d1f"}, "type": "rectanglelabels"}], "marked-9d1f": 1}
    event = {"action": "ANNOTATION_CREATED", "project": {"id": 3}, "task": marked, "annotation": marked}
    assert site.server.ask("POST", "/webhook", event)[0] == 201
    kept = [path for path in site.folder.data_dir.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if b"marked-9d1f" in path.read_bytes()]
    assert b"marked-9d1f" not in site.server.log.read_bytes()
    with site.redis.client() as client:
        assert not [key for key in client.scan_iter() if b"marked-9d1f" in (client.dump(key) or b"")]

"""What the served parts of the bench stand on: the stand-in for Label Studio, and the requests on a schedule."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import psutil
import pytest

from backend.label_studio.client import LabelStudioClient
from scripts.bench.pages import BenchPage
from scripts.speed.memory_process import look, web_process
from scripts.speed.served_load import Call, ask, load
from scripts.speed.served_pages import never_seen
from scripts.speed.served_studio import StandInStudio, stand_in_studio
from tests.drawn import draw_form
from tests.flows.conftest import drawn_results, label_config, png

SLOW_S = 0.2


@pytest.fixture(scope="module")
def studio() -> Iterator[StandInStudio]:
    drawn = [draw_form(seed) for seed in range(5)]
    with stand_in_studio(label_config("forms")) as running:
        running.annotate([BenchPage("", png(page.image), page.size, drawn_results(page)) for page in drawn])
        yield running


def test_the_stand_in_lists_what_a_training_run_exports(studio: StandInStudio) -> None:
    client = LabelStudioClient(studio.url, "0" * 40, patience_s=0)
    assert client.project(3)["label_config"] == studio.label_config
    tasks = list(client.annotated_tasks(3, page_size=2))
    assert [task["id"] for task in tasks] == [1, 2, 3, 4, 5]
    assert all(task["annotations"][0]["result"] for task in tasks)
    assert client.fingerprint(3) == client.fingerprint(3)


def test_files_that_were_never_seen_differ_and_are_the_same_pages() -> None:
    first, second = never_seen([b"page"], 2)
    assert first != second
    assert first.startswith(b"page")
    assert second.startswith(b"page")


@contextmanager
def one_at_a_time(status: int) -> Iterator[str]:
    """A server that takes its time for each request, one after the other."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(SLOW_S)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_requests_are_sent_when_they_are_due_and_timed_from_then_on() -> None:
    with one_at_a_time(200) as url, load(url, [Call("/slow", 50)]) as answers:
        while len(answers["/slow"].seconds) < 2:
            time.sleep(0.01)
    found = answers["/slow"]
    assert found.errors == 0
    # Twenty fell due while two were answered; each waits for all before it.
    assert len(found.seconds) > 10
    assert found.quantile(1) > 5 * SLOW_S


def test_answers_that_refuse_are_counted() -> None:
    with one_at_a_time(429) as url:
        assert ask(url, "/slow")[0] == 429
        with load(url, [Call("/slow", 50)]) as answers:
            while not answers["/slow"].seconds:
                time.sleep(0.01)
    assert answers["/slow"].errors == len(answers["/slow"].seconds)


def test_what_a_process_takes_is_read_and_one_without_a_web_server_is_told() -> None:
    found = look(psutil.Process())
    assert found.rss_mb > found.pss_mb > 1
    assert found.files > 2
    assert found.threads >= 1
    with pytest.raises(psutil.NoSuchProcess, match="no web process"):
        web_process(psutil.Process().pid)

"""A thousand webhooks, at once and over a minute, to the whole product: one run, at most one more, nothing left out."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.speed.served_load import Answers, Call, ask, load
from tests.drawn import draw_receipt
from tests.flows.conftest import png
from tests.flows.saving_studio import PROJECT, SavingStudio, saving_studio
from tests.running import Backend, backend
from tests.waiting import wait_until

WEBHOOKS = 1000
SENDERS = 8
"""Requests that Label Studio has under way at a time, about."""


@contextmanager
def product(data_dir: Path, tasks: int, **settings: str) -> Iterator[tuple[Backend, SavingStudio]]:
    """The product with the fast learner alone, beside its Label Studio."""
    with (
        saving_studio(tasks) as studio,
        backend(data_dir, BASE_MODEL="none", OCR_ENGINE="tesseract", **studio.settings, **settings) as running,
    ):
        ask(running.url, "/setup", studio.setup_body())
        wait_until(lambda: running.health()["model"]["state"] == "ready", 120, "the model side is loaded")
        wait_until(lambda: running.health()["worker"] == "idle", 60, "the worker is up")
        yield running, studio


def send(running: Backend, studio: SavingStudio, due: float) -> tuple[int, float]:
    """Save one page and tell of it; the status and the seconds since it was due."""
    event = studio.save()
    status, _ = ask(running.url, "/webhook", event)
    return status, time.monotonic() - due


def send_all(running: Backend, studio: SavingStudio, pause_s: float, senders: int) -> list[float]:
    """Send every webhook, `pause_s` seconds after the one before; their seconds."""
    began = time.monotonic()

    def send_when_due(number: int) -> tuple[int, float]:
        due = began + number * pause_s if pause_s else time.monotonic()
        time.sleep(max(0.0, due - time.monotonic()))
        return send(running, studio, due if pause_s else time.monotonic())

    with ThreadPoolExecutor(senders) as pool:
        answers = list(pool.map(send_when_due, range(WEBHOOKS)))
    assert {status for status, _ in answers} == {201}
    return [took_s for _, took_s in answers]


def p99(seconds: list[float]) -> float:
    return float(np.quantile(seconds, 0.99))


def lines(running: Backend, message: str) -> list[dict[str, Any]]:
    """What the processes logged under a message."""
    found = [json.loads(text) for text in running.log.read_text().splitlines() if f'"message": "{message}"' in text]
    return [line for line in found if line["message"] == message]


def wait_for_all_trained(running: Backend) -> None:
    def over() -> bool:
        facts = running.project(PROJECT)
        return bool(facts) and facts["version"] != "untrained" and not facts["pending"] and not facts["training"]

    wait_until(over, 900, "all is trained on")


def check_runs(running: Backend, studio: SavingStudio) -> None:
    """One run, at most one more, and every annotation in the last."""
    runs = lines(running, "run started")
    assert 1 <= len(runs) <= 2, [line["time"] for line in runs]
    assert studio.saved == WEBHOOKS
    assert studio.listed_at > studio.saved_at, "the run read what was saved last"
    assert running.project(PROJECT)["last_run"]["annotations"] == len(studio.annotated)
    versions = running.data_dir / "projects" / str(PROJECT) / "versions"
    newest = max((folder for folder in versions.iterdir() if folder.name.isdigit()), key=lambda it: int(it.name))
    manifest = json.loads((newest / "manifest.json").read_text())
    known = {*manifest["trained_on"], *manifest["held_out"]}
    assert {1, len(studio.annotated)} <= known


def test_RQ20_FA27_a_thousand_webhooks_at_once_are_one_run_with_all_annotations(tmp_path: Path) -> None:
    with product(tmp_path / "data", tasks=20) as (running, studio):
        send_all(running, studio, 0.0, SENDERS)
        wait_for_all_trained(running)
        check_runs(running, studio)


@pytest.mark.slow
def test_FA27_a_thousand_webhooks_over_a_minute_are_one_run_and_quick(tmp_path: Path) -> None:
    with product(tmp_path / "data", tasks=WEBHOOKS) as (running, studio):
        seconds = send_all(running, studio, 60 / WEBHOOKS, 32)
        print(f"over a minute: p99 {1000 * p99(seconds):.0f} ms, longest {1000 * max(seconds):.0f} ms")
        assert p99(seconds) < 0.2
        wait_for_all_trained(running)
        check_runs(running, studio)


@pytest.mark.slow
def test_P6_FA27_a_thousand_webhooks_at_once_are_answered_in_time(tmp_path: Path) -> None:
    with product(tmp_path / "data", tasks=100, TRAIN_QUIET_S="0.1") as (running, studio):
        with load(running.url, [Call("/health", 10)]) as probed:
            seconds = send_all(running, studio, 0.0, SENDERS)
        told("at once, with a run beside", seconds, probed)
        assert p99(seconds) < 0.2
        assert probed["/health"].quantile(0.99) < 0.1
        wait_for_all_trained(running)


def told(what: str, seconds: list[float], probed: dict[str, Answers]) -> None:
    others = ", ".join(f"{path} p99 {1000 * answers.quantile(0.99):.0f} ms" for path, answers in probed.items())
    print(f"{what}: /webhook p99 {1000 * p99(seconds):.0f} ms, longest {1000 * max(seconds):.0f} ms; {others}")


@pytest.mark.slow
def test_P7_health_setup_and_webhooks_answer_while_pages_are_predicted_and_a_run_learns(tmp_path: Path) -> None:
    settings = {"BASE_MODEL": "starter", "TRAIN_MAX_STEPS": "100000", "READ_AHEAD_PAGES": "0"}
    with (
        saving_studio() as studio,
        backend(tmp_path / "data", **studio.settings, **settings) as running,
        ThreadPoolExecutor(1) as predicting,
    ):
        ask(running.url, "/setup", studio.setup_body())
        wait_until(lambda: running.health()["model"]["state"] == "ready", 120, "the model side is loaded")
        for _ in range(8):
            studio.save()
        ask(running.url, "/webhook", {"action": "START_TRAINING", "project": {"id": PROJECT}})
        # The fast learner has made a version by then, so that pages are predicted.
        wait_until(lambda: (running.project(PROJECT).get("training") or {}).get("step"), 200, "a run learns")
        assert running.project(PROJECT)["version"] != "untrained"
        pages = never_seen(studio)
        body = {"project": f"{PROJECT}.1", "tasks": pages, "label_config": studio.label_config}
        answer = predicting.submit(ask, running.url, "/predict", body, 120.0)
        calls = [Call("/health", 10), Call("/setup", 5, studio.setup_body()), Call("/webhook", 10, ignored())]
        with load(running.url, calls) as probed:
            status, predicted = answer.result()
        told("beside a prediction and a run", probed["/webhook"].seconds, probed)
        assert status == 200
        assert len(predicted["results"]) == len(pages)
        assert (running.project(PROJECT)["training"] or {}).get("stage"), "the run was at work all the time"
        for path, limit_s in (("/health", 0.1), ("/setup", 0.1), ("/webhook", 0.2)):
            assert probed[path].errors == 0
            assert probed[path].quantile(0.99) < limit_s, path


def ignored() -> dict[str, Any]:
    """A webhook of a project in which nothing is ever due."""
    return {"action": "ANNOTATION_UPDATED", "project": {"id": 99}, "annotation": {"id": 1}}


def never_seen(studio: SavingStudio) -> list[dict[str, Any]]:
    """Tasks of pages that were never read."""
    return studio.upload([png(draw_receipt(seed).image) for seed in range(100, 120)])

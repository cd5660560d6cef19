"""The doctor's page: in the background, one look at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.doctor.finding import Finding, Level
from backend.service.services import EXTENSION
from backend.service.ui import examination as module
from backend.service.ui.examination import Examination
from backend.settings import Settings
from tests.waiting import wait_until

REDIS = Finding("Redis", Level.FAILED, "wrote to it", "no answer", "start it", "redis_down")
DISK = Finding("Disk", Level.OK, "wrote to it", "57 GB are free")
PROJECT = Finding("Webhook", Level.WARNING, "asked for it", "<b>odd</b>", "see its settings", "odd", 3)


class Doctor:
    """An examination that waits before its last finding."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.began = 0

    def examine(self, settings: Settings) -> Iterator[Finding]:
        self.began += 1
        yield REDIS
        yield DISK
        self.go_on.wait(30)
        yield PROJECT


@pytest.fixture
def doctor() -> Doctor:
    return Doctor()


@pytest.fixture
def examination(settings: Settings, doctor: Doctor) -> Iterator[Examination]:
    yield Examination(settings, doctor.examine)
    doctor.go_on.set()


def over(examination: Examination) -> None:
    wait_until(lambda: not examination.view().running, 30, "the examination is over")


def test_there_is_one_look_at_a_time_and_it_shows_what_it_has(examination: Examination, doctor: Doctor) -> None:
    for _ in range(5):
        examination.look(fresh_s=0)
    wait_until(lambda: examination.view().findings == (REDIS, DISK), 30, "the first findings are shown")
    assert (examination.view().running, doctor.began) == (True, 1)
    doctor.go_on.set()
    over(examination)
    assert examination.view().findings == (REDIS, DISK, PROJECT)
    examination.look(fresh_s=3600)
    assert doctor.began == 1, "what is fresh is shown again"
    examination.look(fresh_s=0)
    over(examination)
    assert doctor.began == 2


def test_it_ends_after_its_time(examination: Examination, doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_S", -1.0)
    examination.look()
    over(examination)
    assert examination.view().findings == (REDIS,)
    assert "ended after" in examination.view().trouble


def test_a_defect_is_told_and_the_next_look_is_free(settings: Settings) -> None:
    def broken(settings: Settings) -> Iterator[Finding]:
        yield REDIS
        raise KeyError("defect")

    examination = Examination(settings, broken)
    for _ in range(2):
        examination.look(fresh_s=0)
        over(examination)
        assert examination.view().findings == (REDIS,)
        assert "defect" in examination.view().trouble


def test_the_page_shows_the_findings(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    examination = app.extensions[EXTENSION].examination
    monkeypatch.setattr(examination, "_examine", lambda settings: iter((REDIS, DISK, PROJECT)))
    client.get("/ui/doctor")
    over(examination)
    page = client.get("/ui/doctor/part").get_data(as_text=True)
    assert "1 thing to mend</strong>, 1 warning." in page
    assert "<strong>start it</strong>" in page
    assert "redis_down" in page
    assert "project 3" in page
    assert "&lt;b&gt;odd&lt;/b&gt;" in page
    assert page.index("Redis") < page.index("Disk"), "what is to be mended comes first"

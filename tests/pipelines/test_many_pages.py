"""Requests of many pages: what is done by the deadline, what the next press finds, and what others wait for."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from backend.document.geometry import Box
from backend.document.label_set import LabelSet
from backend.document.page import Page, PageRef, Word
from backend.errors import TaskError
from backend.label_studio.config import LabelingConfig
from backend.model.live import LoadedVersion
from backend.model.tagger import PageTagger
from backend.ocr.cache import OcrCache
from backend.pipelines import predict
from backend.pipelines.predict import PredictAnswer, Scene, predict_tasks
from backend.pipelines.reading import READERS, PageReader
from backend.pipelines.serving import PredictedPage
from backend.pipelines.turns import ReadingPlaces
from backend.training.fit_crf import fit_crf
from tests.memorised import png
from tests.pages_of_words import page_of_rows
from tests.waiting import wait_until

Json = dict[str, Any]
LABELS = LabelSet(("question", "answer"))
PAGE_S = 0.05


@dataclass
class SlowEngine:
    """Takes its time for each page, and waits in one while `hold` is not set; pages are known by their width."""

    identity: str = "slow"
    hold: threading.Event | None = None
    read_pages: list[int] = field(default_factory=list)

    def read(self, image: Image.Image) -> list[Word]:
        self.read_pages.append(image.width)
        if self.hold is not None:
            self.hold.wait(20)
        time.sleep(PAGE_S)
        return [Word("Name:", Box(10, 10, 60, 30), 0.9), Word("Ann", Box(70, 10, 110, 30), 0.9)]


@pytest.fixture
def engine() -> SlowEngine:
    return SlowEngine()


@pytest.fixture
def scene(config: LabelingConfig, engine: SlowEngine, tmp_path: Path) -> Scene:
    """One page is read at a time; a task's page is as wide as its number, from 200 on."""
    words = page_of_rows(["Name:", "Ann"])
    fast = fit_crf([(words, [LABELS.begin("question"), LABELS.begin("answer")])], LABELS)
    return Scene(
        config=config,
        reader=PageReader(engine, OcrCache(tmp_path / "ocr"), 10**8, ReadingPlaces(1)),
        fetch=lambda ref: png(Image.new("L", (ref.task_id, 120), "white")),
        version=LoadedVersion(7, PageTagger(fast=fast)),
        context=None,
        deadline=0.0,
    )


def ask(scene: Scene, tasks: range, within_s: float = 60.0) -> PredictAnswer:
    timed = Scene(
        scene.config, scene.reader, scene.fetch, scene.version, scene.context, deadline=time.monotonic() + within_s
    )
    return predict_tasks([{"id": number, "data": {"image": "/a.png"}} for number in tasks], timed)


def test_each_press_answers_in_time_and_the_next_goes_on_from_there(scene: Scene, engine: SlowEngine) -> None:
    tasks, within_s = range(200, 260), 1.0
    started = time.monotonic()
    first = ask(scene, tasks, within_s)
    assert time.monotonic() - started < within_s + 4
    done = [entry for entry in first.results if entry]
    assert len(first.results) == 60
    assert 0 < len(done) < 60
    assert len(done) + len(first.errors) == 60
    assert {line["code"] for line in first.errors} == {"deadline"}

    second = ask(scene, tasks)
    assert second.errors == []
    assert sorted(engine.read_pages) == list(tasks)  # none of them twice


def test_a_page_of_another_project_waits_for_the_page_that_is_read_and_no_other(
    scene: Scene, engine: SlowEngine
) -> None:
    engine.hold = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        many = pool.submit(ask, scene, range(200, 220))
        wait_until(lambda: len(scene.reader.places._waiting) == READERS, 10, "one page is read, the next ones wait")
        one = pool.submit(ask, scene, range(400, 401))
        wait_until(lambda: len(scene.reader.places._waiting) == READERS + 1, 10, "the page of the other waits too")
        engine.hold.set()
        assert one.result(20).errors == []
        assert not many.done()
        assert many.result(20).errors == []
    assert engine.read_pages.index(400) == 1


def test_a_page_that_was_read_before_waits_for_none(scene: Scene, engine: SlowEngine) -> None:
    ask(scene, range(400, 401))
    engine.hold = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        many = pool.submit(ask, scene, range(200, 210))
        wait_until(lambda: len(scene.reader.places._waiting) == READERS, 10, "one page is read, the next ones wait")
        assert ask(scene, range(400, 401)).errors == []
        engine.hold.set()
        assert many.result(20).errors == []


def test_the_model_has_the_first_pages_while_others_are_read(
    scene: Scene, engine: SlowEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[list[int]] = []

    def spied(pages: Sequence[Page], tagger: PageTagger) -> list[PredictedPage]:
        groups.append([page.width for page in pages])
        return [PredictedPage((), 1.0) for _ in pages]

    monkeypatch.setattr(predict, "predict_pages", spied)
    ask(scene, range(200, 203))
    groups.clear()
    engine.hold = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, scene, range(200, 204))  # the last one was not read yet
        wait_until(lambda: sum(map(len, groups)) == 3, 10, "the model has the pages that are known")
        assert engine.read_pages[-1] == 203
        engine.hold.set()
        assert len(answer.result(20).results) == 4
    assert groups[-1] == [203]


def test_a_page_that_the_model_fails_on_costs_no_other_of_its_group(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def fails_on_one(pages: Sequence[Page], tagger: PageTagger) -> list[PredictedPage]:
        asked.append(len(pages))
        if 202 in [page.width for page in pages]:
            raise TaskError("too_many_words", "more than the memory holds")
        return [PredictedPage((), 1.0) for _ in pages]

    ask(scene, range(200, 206))
    monkeypatch.setattr(predict, "predict_pages", fails_on_one)
    answer = ask(scene, range(200, 206))
    assert [(line["index"], line["code"]) for line in answer.errors] == [(2, "too_many_words")]
    assert [bool(entry) for entry in answer.results] == [True, True, False, True, True, True]


def test_a_task_of_very_many_pages_goes_to_the_model_in_parts(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def spied(pages: Sequence[Page], tagger: PageTagger) -> list[PredictedPage]:
        sizes.append(len(pages))
        return [PredictedPage((), 0.5) for _ in pages]

    monkeypatch.setattr(predict, "predict_pages", spied)
    monkeypatch.setattr(predict, "task_pages", lambda task, config: [PageRef(200, at, "/a.png") for at in range(10)])
    [prediction] = ask(scene, range(1)).results
    assert isinstance(prediction, dict)
    assert prediction["score"] == 0.5
    assert sum(sizes) == 10
    assert max(sizes) <= predict.FIRST_GROUP_PAGES


@pytest.mark.parametrize(("pages", "took_s", "most"), [(4, 8.0, 1), (4, 1.0, 8), (1, 60.0, 1), (4, 0.0, 32)])
def test_groups_are_as_large_as_their_time_allows(pages: int, took_s: float, most: int) -> None:
    assert predict._most_pages(pages, took_s) == most

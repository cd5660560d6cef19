import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from backend.document.page import Page, PageRef, Word
from backend.document.region import Region
from backend.errors import ClientGone, LabelStudioError, TaskError
from backend.jobs.parent import is_running
from backend.label_studio.annotations import annotation_boxes
from backend.label_studio.config import ConfigLabel, LabelingConfig
from backend.model.classifier import WordClassifier
from backend.ocr.cache import OcrCache
from backend.ocr.tesseract import TesseractEngine
from backend.pipelines import serving
from backend.pipelines.predict import Scene, predict_tasks
from backend.pipelines.reading import READERS, PageReader
from backend.training.scores import score_pages
from tests.drawn import DrawnPage
from tests.memorised import png
from tests.ocr import fake_tesseract
from tests.waiting import wait_until

Fetch = Callable[[PageRef], bytes]


def task(number: int, image: Any = "/data/upload/1/form.png") -> dict[str, Any]:
    return {"id": number, "data": {"image": image}}


def test_a_memorised_page_gets_its_boxes_back(scene: Scene, drawn_form: DrawnPage) -> None:
    answer = predict_tasks([task(1)], scene)
    (prediction,) = answer.results
    assert answer.errors == []
    assert isinstance(prediction, dict)
    assert prediction["model_version"] == "v7"
    assert 0 < prediction["score"] <= 1
    drawn = annotation_boxes(prediction, scene.config, {0: drawn_form.image.size}).boxes[0]
    regions = [Region(box.label, box.box, "", 1.0) for box in drawn]
    assert score_pages([(regions, drawn_form.boxes)]).micro.f1 > 0.8


def test_text_stands_in_a_linked_result_of_the_same_id(scene: Scene) -> None:
    (prediction,) = predict_tasks([task(1)], scene).results
    assert isinstance(prediction, dict)
    rectangles = {item["id"] for item in prediction["result"] if item["type"] == "rectanglelabels"}
    texts = {item["id"]: item["value"]["text"] for item in prediction["result"] if item["type"] == "textarea"}
    assert rectangles == set(texts)
    assert all(isinstance(text, list) and text[0] for text in texts.values())


def test_one_bad_task_costs_no_other_its_prediction(scene: Scene, form_png: bytes) -> None:
    def fetch(ref: PageRef) -> bytes:
        if ref.task_id % 3 == 0:
            raise TaskError("image_http_404", "the image is gone")
        if ref.task_id % 3 == 1:
            return b"<html>not an image"
        return form_png

    tasks = [task(number) for number in range(9)] + [{"id": 9}, {"id": 10, "data": {}}, None]  # type: ignore[list-item]
    answer = predict_tasks(tasks, replace(scene, fetch=fetch))
    assert len(answer.results) == len(tasks)
    assert [at for at, entry in enumerate(answer.results) if entry] == [2, 5, 8]
    codes = {line["index"]: line["code"] for line in answer.errors}
    assert codes[0] == "image_http_404"
    assert codes[1] == "image_not_image"
    assert codes[9] == "task_malformed"
    assert codes[10] == "image_key_missing"
    assert set(codes) == {0, 1, 3, 4, 6, 7, 9, 10, 11}


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ({"data": {"image": "/a.png"}}, "task_malformed"),
        ({"id": 2}, "task_malformed"),
        ({"id": 2, "data": None}, "task_malformed"),
        (None, "task_malformed"),
        ({"id": "x" * 100_000, "data": {}}, "task_malformed"),
    ],
)
def test_RQ06_a_malformed_task_has_an_empty_entry_and_the_others_are_predicted(
    scene: Scene, broken: Any, code: str
) -> None:
    assert_only_the_middle_is_empty(scene, broken, code)


def test_RQ07_a_task_without_the_image_key_has_an_empty_entry_that_names_it(scene: Scene) -> None:
    line = assert_only_the_middle_is_empty(scene, {"id": 2, "data": {"picture": "/a.png"}}, "image_key_missing")
    assert "'image'" in line["message"]


@pytest.mark.parametrize("value", [7, ["/a.png"], {"url": "/a.png"}, "", None, True])
def test_RQ08_an_image_that_is_no_address_has_an_empty_entry(scene: Scene, value: object) -> None:
    assert_only_the_middle_is_empty(scene, task(2, value), "image_value_type")


def test_RQ08_a_list_of_addresses_is_pages_where_the_configuration_has_several(scene: Scene) -> None:
    pages = replace(scene, config=replace(scene.config, multi_page=True))
    answer = predict_tasks([task(1, ["/a.png", "/b.png"]), task(2, ["/a.png", 3])], pages)
    assert {result["item_index"] for result in answer.results[0]["result"]} == {0, 1}  # type: ignore[call-overload]
    assert [line["code"] for line in answer.errors] == ["image_value_type"]


def assert_only_the_middle_is_empty(scene: Scene, broken: Any, code: str) -> dict[str, Any]:
    """What is told of a broken task between two good ones."""
    answer = predict_tasks([task(1), broken, task(3)], scene)
    assert [bool(entry) for entry in answer.results] == [True, False, True]
    assert answer.results[1] == []
    (line,) = answer.errors
    number = broken.get("id") if isinstance(broken, dict) else None
    assert (line["index"], line["task"], line["code"]) == (1, number if isinstance(number, int) else None, code)
    return line


def test_a_project_without_a_version_gets_empty_entries_and_reads_no_image(scene: Scene) -> None:
    read: list[PageRef] = []
    untrained = replace(scene, version=None, fetch=lambda ref: read.append(ref) or b"")  # type: ignore[func-returns-value]
    answer = predict_tasks([task(1), task(2)], untrained)
    assert answer.results == [[], []]
    assert [line["code"] for line in answer.errors] == ["untrained", "untrained"]
    assert read == []


def test_a_smart_box_snaps_to_its_words_before_any_training(scene: Scene, drawn_form: DrawnPage) -> None:
    target = drawn_form.boxes[0]
    width, height = drawn_form.image.size
    drawn = {
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
        "value": {
            "x": 100 * (target.box.left - 4) / width,
            "y": 100 * (target.box.top - 4) / height,
            "width": 100 * (target.box.width + 8) / width,
            "height": 100 * (target.box.height + 8) / height,
            "rotation": 0,
            "rectanglelabels": ["answer"],
        },
    }
    answer = predict_tasks([task(1)], replace(scene, version=None, context={"result": [drawn]}))
    (prediction,) = answer.results
    assert isinstance(prediction, dict)
    (box,) = annotation_boxes(prediction, scene.config, {0: (width, height)}).boxes[0]
    assert box.label == "answer"
    assert box.box.iou(target.box) > 0.6


def test_labels_that_left_the_configuration_are_not_predicted(scene: Scene, config: LabelingConfig) -> None:
    fewer = replace(config, labels=config.labels[:1])
    (prediction,) = predict_tasks([task(1)], replace(scene, config=fewer)).results
    assert isinstance(prediction, dict)
    labels = {
        label
        for item in prediction["result"]
        if item["type"] == "rectanglelabels"
        for label in item["value"]["rectanglelabels"]
    }
    assert labels == {config.labels[0].name}


def test_a_label_may_list_what_models_call_it(scene: Scene, config: LabelingConfig) -> None:
    other_words = replace(config, labels=(ConfigLabel("Frage", "Frage", predicted_values=("question",)),))
    (prediction,) = predict_tasks([task(1)], replace(scene, config=other_words)).results
    assert isinstance(prediction, dict)
    rectangles = [item for item in prediction["result"] if item["type"] == "rectanglelabels"]
    assert rectangles
    assert {label for item in rectangles for label in item["value"]["rectanglelabels"]} == {"Frage"}


def test_what_is_not_ready_by_the_deadline_is_left_due(scene: Scene, form_png: bytes) -> None:
    release = threading.Event()

    def fetch(ref: PageRef) -> bytes:
        if ref.task_id > 1:
            release.wait(10)
        return form_png

    started = time.monotonic()
    answer = predict_tasks(
        [task(number) for number in range(1, 7)], replace(scene, fetch=fetch, deadline=started + 1.5)
    )
    release.set()
    assert time.monotonic() - started < 4
    assert answer.results[0]
    assert answer.results[1:] == [[]] * 5
    assert {line["code"] for line in answer.errors} == {"deadline"}


def test_a_fault_of_everything_fails_the_request_and_not_each_task(scene: Scene) -> None:
    def refuse(ref: PageRef) -> bytes:
        raise LabelStudioError("label_studio_auth", "Label Studio refuses the token", answered=401)

    with pytest.raises(LabelStudioError):
        predict_tasks([task(1), task(2)], replace(scene, fetch=refuse))


def test_a_fault_of_everything_is_logged_once_and_not_for_each_task(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(ref: PageRef) -> bytes:
        raise LabelStudioError("label_studio_auth", "Label Studio refuses the token", answered=401)

    with pytest.raises(LabelStudioError):
        predict_tasks([task(number) for number in range(9)], replace(scene, fetch=refuse))
    assert [record for record in caplog.records if record.msg == "task not predicted"] == []


@pytest.mark.parametrize("where", ["model", "regions"])
def test_FA30_a_page_that_the_memory_is_too_small_for_has_an_empty_entry(
    scene: Scene, memorised: WordClassifier, monkeypatch: pytest.MonkeyPatch, form_png: bytes, where: str
) -> None:
    small = png(Image.new("RGB", (300, 200), "white"))

    def fetch(ref: PageRef) -> bytes:
        return small if ref.task_id == 2 else form_png

    if where == "model":
        really = memorised.model.forward

        def forward(**inputs: torch.Tensor) -> Any:
            torch.empty(1 << 50)  # more than any machine has
            return really(**inputs)

        monkeypatch.setattr(memorised.model, "forward", forward)
        answer = predict_tasks([task(1), task(3)], replace(scene, fetch=fetch))
        assert [line["code"] for line in answer.errors] == ["out_of_memory", "out_of_memory"]
        assert answer.results == [[], []]
        monkeypatch.undo()
    else:
        found = serving.decode_regions

        def decode_regions(page: Page, *others: Any) -> Any:
            if page.size == (300, 200):
                np.empty(1 << 50)  # more than any machine has
            return found(page, *others)

        monkeypatch.setattr(serving, "decode_regions", decode_regions)
        answer = predict_tasks([task(1), task(2), task(3)], replace(scene, fetch=fetch))
        assert [bool(entry) for entry in answer.results] == [True, False, True]
        assert [(line["task"], line["code"]) for line in answer.errors] == [(2, "out_of_memory")]
    assert predict_tasks([task(1)], scene).errors == []  # the process goes on


def with_ocr(scene: Scene, tmp_path: Path, **options: Any) -> Scene:
    """The scene with an OCR of its own, which remembers nothing yet."""
    reader = PageReader(TesseractEngine("eng", **options), OcrCache(tmp_path / "words"), 100_000_000)
    return replace(scene, reader=reader)


def test_FA35_ocr_that_hangs_is_killed_with_all_that_it_started(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program does not even listen to SIGTERM, and has started another one."""
    note = f'>> "{tmp_path}/pids"'
    stubborn = f'trap "" TERM\necho $$ {note}\n(trap "" TERM; sleep 300) & echo $! {note}\nwait\nsleep 300'
    fake_tesseract.install(tmp_path, monkeypatch, f'case "$1" in --list-langs) echo eng; exit 0;; esac\n{stubborn}')
    started = time.monotonic()
    answer = predict_tasks([task(1)], with_ocr(scene, tmp_path, timeout_s=1.0))
    assert 1 <= time.monotonic() - started < 20
    assert answer.results == [[]]
    assert [(line["task"], line["code"]) for line in answer.errors] == [(1, "ocr_timeout")]
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    wait_until(lambda: not any(is_running(pid) for pid in pids), 10, "no process is left")
    assert not [child for child in psutil.Process().children(recursive=True) if child.pid in pids]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("echo first >&2; echo 'the last line' >&2; exit 1", "Tesseract failed: the last line"),
        ("kill -SEGV $$", "Tesseract failed: ended by signal 11"),
        ('echo nonsense > "$2.tsv"', "Tesseract printed something that is not its table of words"),
        ("exit 0", "Tesseract gave nothing that can be read (FileNotFoundError)"),
    ],
)
def test_FA36_ocr_that_fails_costs_one_entry_which_has_its_last_line(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form_png: bytes, body: str, message: str
) -> None:
    own = with_ocr(scene, tmp_path)
    assert predict_tasks([task(1)], own).errors == []  # its words are kept
    fake_tesseract.install(tmp_path, monkeypatch, body)
    other = png(Image.new("RGB", (400, 300), "white"))
    fetch: Fetch = lambda ref: other if ref.task_id == 2 else form_png  # noqa: E731
    answer = predict_tasks([task(1), task(2), task(3)], replace(own, fetch=fetch))
    assert [bool(entry) for entry in answer.results] == [True, False, True]
    assert [(line["task"], line["code"], line["message"]) for line in answer.errors] == [(2, "ocr_failed", message)]


def test_FA37_at_the_deadline_what_is_ready_is_answered_and_what_was_read_is_kept(
    scene: Scene, tmp_path: Path, form_png: bytes
) -> None:
    """OCR of the second page ends after the deadline; the next request finds its words."""
    begun, release = threading.Event(), threading.Event()

    class SlowEngine(TesseractEngine):
        reads = 0

        def read(self, image: Image.Image) -> list[Word]:
            SlowEngine.reads += 1
            if image.size == (800, 300):
                begun.set()
                release.wait(30)
            return super().read(image)

    slow = png(Image.new("RGB", (800, 300), "white"))
    reader = PageReader(SlowEngine("eng"), OcrCache(tmp_path / "words"), 100_000_000)
    fetch: Fetch = lambda ref: slow if ref.task_id == 2 else form_png  # noqa: E731
    own = replace(scene, reader=reader, fetch=fetch)
    assert predict_tasks([task(1)], own).errors == []
    deadline = time.monotonic() + 2
    answer = predict_tasks([task(1), task(2)], replace(own, deadline=deadline))
    assert deadline <= time.monotonic() < deadline + 3
    assert begun.is_set()
    assert answer.results[0]
    assert answer.results[1] == []
    assert [(line["task"], line["code"]) for line in answer.errors] == [(2, "deadline")]
    release.set()
    wait_until(lambda: reader.cache.get(slow, reader.engine.identity), 30, "the page was read and kept")
    reads = SlowEngine.reads
    answer = predict_tasks([task(1), task(2)], replace(own, deadline=time.monotonic() + 60))
    assert answer.errors == []
    assert SlowEngine.reads == reads


def test_RQ24_nothing_is_begun_for_a_caller_who_has_gone(scene: Scene, form_png: bytes) -> None:
    fetched: list[int] = []
    release = threading.Event()
    waits = [True]

    def fetch(ref: PageRef) -> bytes:
        fetched.append(ref.task_id)
        if ref.task_id > 1:
            release.wait(30)
        else:
            waits[0] = False
        return form_png

    with pytest.raises(ClientGone):
        predict_tasks(
            [task(number) for number in range(1, 30)], replace(scene, fetch=fetch, is_awaited=lambda: waits[0])
        )
    release.set()
    assert len(fetched) <= READERS + 3


def test_no_tasks_no_results(scene: Scene) -> None:
    assert predict_tasks([], scene).results == []

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from backend.document.page import PageRef
from backend.document.region import Region
from backend.errors import LabelStudioError, TaskError
from backend.label_studio.annotations import annotation_boxes
from backend.label_studio.config import ConfigLabel, LabelingConfig
from backend.model.classifier import WordClassifier
from backend.model.live import LoadedVersion
from backend.model.tagger import PageTagger
from backend.pipelines.predict import Scene, predict_tasks
from backend.pipelines.reading import PageReader
from backend.training.scores import score_pages
from tests.drawn import DrawnPage

Fetch = Callable[[PageRef], bytes]


def task(number: int, image: Any = "/data/upload/1/form.png") -> dict[str, Any]:
    return {"id": number, "data": {"image": image}}


@pytest.fixture
def scene(config: LabelingConfig, reader: PageReader, memorised: WordClassifier, form_png: bytes) -> Scene:
    return Scene(
        config=config,
        reader=reader,
        fetch=lambda ref: form_png,
        version=LoadedVersion(7, PageTagger(deep=memorised)),
        context=None,
        deadline=time.monotonic() + 60,
    )


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


def test_no_tasks_no_results(scene: Scene) -> None:
    assert predict_tasks([], scene).results == []

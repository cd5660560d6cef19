"""Smart boxes: the words, the text and the label of what a person draws."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backend.document.field_rule import FieldRule, ValueType
from backend.document.geometry import union
from backend.document.page import Page, PageRef
from backend.label_studio.annotations import annotation_boxes
from backend.label_studio.config import ConfigLabel, LabelingConfig
from backend.label_studio.results import box_to_percent
from backend.model.classifier import Probabilities, WordClassifier
from backend.model.live import LoadedVersion
from backend.model.tagger import PageTagger
from backend.pipelines.predict import Scene, predict_tasks
from backend.pipelines.reading import PageReader
from backend.pipelines.recent import RecentPages
from backend.pipelines.smart import smart_results
from backend.training.align import align
from backend.training.fit_crf import fit_crf
from tests.drawn import DrawnPage
from tests.memorised import LABELS
from tests.pages_of_words import page_of_rows

PAGE = page_of_rows(["Total", "12.50"], ["Thank", "you"])
CONFIG = LabelingConfig(
    control="label",
    image="image",
    value_key="image",
    labels=(ConfigLabel("total", "Total"), ConfigLabel("date", "Date")),
    text_control="text",
)
ANSWER_S = 0.3
GENEROUS = 10
"""A test may run while other work takes the processor."""


def box_over(page: Page, *words: int, label: str = "", **facts: Any) -> dict[str, Any]:
    """A result as the editor sends it for a box drawn over words."""
    place = box_to_percent(union(page.words[at].box for at in words), page.size)
    assert place is not None
    value = {**place, "rectanglelabels": [label] if label else []}
    return {"id": "new", "from_name": "label", "to_name": "image", "type": "rectanglelabels", "value": value, **facts}


def smart(*drawn: object, config: LabelingConfig = CONFIG, tagger: PageTagger | None = None) -> list[dict[str, Any]]:
    return smart_results(PAGE, {"result": list(drawn)}, config, tagger, RecentPages())


class OfOneLabel(WordClassifier):
    """Finds the same label in every word, and counts how often it is asked."""

    def __init__(self, known: WordClassifier, label: str) -> None:
        super().__init__(known.model, known.encoder, known.label_set, known.device)
        self.label = label
        self.asked = 0

    def probabilities(self, pages: Any) -> list[Probabilities]:
        self.asked += 1
        found = np.full((len(pages[0].words), self.label_set.tag_count), 0.01, np.float32)
        found[:, 0] = 0.5
        found[:, self.label_set.inside(self.label)] = 0.4
        return [found for _ in pages]


def test_the_chosen_label_stays_and_the_text_comes_with_it(memorised: WordClassifier) -> None:
    box, text = smart(box_over(PAGE, 0, 1, label="Date"), tagger=PageTagger(deep=OfOneLabel(memorised, "header")))
    assert (box["id"], box["value"]["rectanglelabels"]) == ("new", ["date"])
    assert (text["id"], text["value"]["text"]) == ("new", ["Total 12.50"])
    assert box["value"]["x"] == pytest.approx(100 * PAGE.words[0].box.left / PAGE.width)


def test_without_a_version_a_box_without_label_is_left_to_the_person() -> None:
    box, text = smart(box_over(PAGE, 0, 1))
    assert (box["value"]["rectanglelabels"], text["value"]["text"]) == ([], ["Total 12.50"])


def test_the_only_label_of_a_project_needs_no_choosing() -> None:
    box, _ = smart(box_over(PAGE, 0, 1), config=replace(CONFIG, labels=CONFIG.labels[:1]))
    assert box["value"]["rectanglelabels"] == ["total"]


def test_a_box_without_label_gets_what_the_version_finds_likeliest(memorised: WordClassifier) -> None:
    tagger = PageTagger(deep=OfOneLabel(memorised, "answer"))
    labels = (ConfigLabel("total", "Total", ("answer",)), ConfigLabel("question", "Question"))
    box, _ = smart(box_over(PAGE, 0, 1), config=replace(CONFIG, labels=labels), tagger=tagger)
    assert (box["value"]["rectanglelabels"], box["score"]) == (["total"], pytest.approx(0.41))


def test_a_version_that_knows_none_of_the_labels_leaves_the_choice(memorised: WordClassifier) -> None:
    box, _ = smart(box_over(PAGE, 0, 1), tagger=PageTagger(deep=OfOneLabel(memorised, "answer")))
    assert box["value"]["rectanglelabels"] == []


def test_a_box_over_no_word_comes_back_as_it_was_drawn() -> None:
    nowhere = box_over(PAGE, 0, label="Total")
    nowhere["value"] |= {"x": 80.0, "y": 80.0}
    [box] = smart(nowhere)
    assert box["id"] == "new"
    assert box["value"].pop("rectanglelabels") == ["total"]
    del nowhere["value"]["rectanglelabels"]
    assert box["value"] == pytest.approx(nowhere["value"])


def test_a_smart_box_has_what_its_text_stands_for() -> None:
    amount = FieldRule(value_type=ValueType.AMOUNT, currency="EUR")
    config = replace(CONFIG, labels=(ConfigLabel("total", "Total", rule=amount),))
    box, _ = smart(box_over(PAGE, 1, label="Total"), config=config)
    assert box["meta"]["value"] == "12.50 EUR"


def test_the_model_is_asked_once_for_a_page(memorised: WordClassifier) -> None:
    deep = OfOneLabel(memorised, "answer")
    recent, tagger = RecentPages(), PageTagger(deep=deep)
    labels = (ConfigLabel("answer", "A"), ConfigLabel("question", "Q"))
    for word in range(3):
        smart_results(PAGE, {"result": [box_over(PAGE, word)]}, replace(CONFIG, labels=labels), tagger, recent)
    assert deep.asked == 1


TASK = {"id": 1, "data": {"image": "/data/upload/1/form.png"}}


def test_an_opened_page_is_not_given_to_the_model_again(scene: Scene, reader: PageReader, form_png: bytes) -> None:
    page = reader.read_bytes(form_png)
    [opened] = predict_tasks([TASK], scene).results
    assert scene.version is not None
    assert scene.recent.get(page, scene.version.tagger) is not None
    assert isinstance(opened, dict)
    first = annotation_boxes(opened, scene.config, {0: page.size}).boxes[0][0]
    words = [at for at, word in enumerate(page.words) if word.box.intersection(first.box).area > word.box.area / 2]
    [drawn] = predict_tasks([TASK], replace(scene, context={"result": [box_over(page, *words)]})).results
    assert isinstance(drawn, dict)
    [again] = annotation_boxes(drawn, scene.config, {0: page.size}).boxes[0]
    assert again.label == first.label


def test_a_smart_box_is_answered_in_a_moment(
    scene: Scene, reader: PageReader, memorised: WordClassifier, form_png: bytes, drawn_form: DrawnPage
) -> None:
    """The page is in the OCR cache and was not predicted lately; both learners are there, the fast one answers."""
    page = reader.read_bytes(form_png)
    fast = fit_crf([(page, align(page, drawn_form.boxes, LABELS))], LABELS)
    version = LoadedVersion(8, PageTagger(fast=fast, deep=memorised))
    context = {"result": [box_over(page, 0)]}
    began = time.monotonic()
    [answer] = predict_tasks([TASK], replace(scene, version=version, context=context)).results
    assert time.monotonic() - began < GENEROUS * ANSWER_S
    assert answer


def test_only_the_page_that_is_drawn_on_is_read(scene: Scene, reader: PageReader, form_png: bytes) -> None:
    fetched: list[int] = []

    def fetch(ref: PageRef) -> bytes:
        fetched.append(ref.index)
        return form_png

    page = reader.read_bytes(form_png)
    context = {"result": [box_over(page, 0, label="header", item_index=2)]}
    several = replace(scene, config=replace(scene.config, multi_page=True), fetch=fetch, context=context)
    task = {"id": 1, "data": {"image": [f"/{number}.png" for number in range(4)]}}
    [answer] = predict_tasks([task], several).results
    assert fetched == [2]
    assert isinstance(answer, dict)
    assert {part["item_index"] for part in answer["result"]} == {2}


@pytest.mark.parametrize("context", [{"result": []}, {"result": None}, {"other": 1}])
def test_a_request_without_a_drawing_has_an_empty_answer(scene: Scene, context: dict[str, Any]) -> None:
    [answer] = predict_tasks([TASK], replace(scene, context=context)).results
    assert isinstance(answer, dict)
    assert answer["result"] == []

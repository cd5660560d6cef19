"""Exported tasks as people left them, and when they are too little to learn from."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from backend.document.geometry import Box
from backend.document.label_set import LabelSet
from backend.document.region import LabelledBox
from backend.errors import ServiceError, TrainingRefused
from backend.label_studio.config import parse_labeling_config
from backend.pipelines.annotated import AnnotatedTask, AnnotationReader, ReadTasks, TrainingSet, check_enough
from backend.pipelines.exported import read_export
from backend.pipelines.reading import PageReader
from tests.drawn import draw_form
from tests.memorised import FORMS
from tests.pages_of_words import page_of_rows
from tests.pipelines.annotated import DrawnProject

PAGE = page_of_rows(["Name:", "", "Ann", "Lee"])
ON_A_WORD = LabelledBox("name", PAGE.words[0].box)
ON_NO_WORD = LabelledBox("name", Box(0, 0, 1, 1))


def refusal(*boxes: tuple[LabelledBox, ...], least: int = 1) -> TrainingRefused:
    tasks = [AnnotatedTask(number, (PAGE,), (of_page,)) for number, of_page in enumerate(boxes)]
    with pytest.raises(TrainingRefused) as caught:
        check_enough(tasks, TrainingSet(LabelSet(("name",)), tasks, []), least)
    assert caught.value.code == "not_enough_data"
    return caught.value


def test_AN16_how_many_pages_are_missing_is_told() -> None:
    assert "annotate 2 more" in refusal((ON_A_WORD,), least=3).message


def test_AN17_pages_without_a_labelled_word_are_refused() -> None:
    assert "none of the 2 annotated pages has a box" in refusal((), ()).message
    assert "no word" in refusal((), (ON_NO_WORD,)).message


def test_AN17_pages_all_of_whose_words_have_one_label_are_refused_and_one_label_among_other_words_is_not() -> None:
    everything = LabelledBox("name", Box(0, 0, 10_000, 10_000))
    assert "every word of the annotated pages has the label 'name'" in refusal((everything,), (everything,)).message
    tasks = [AnnotatedTask(1, (PAGE,), ((ON_A_WORD,),))]
    check_enough(tasks, TrainingSet(LabelSet(("name",)), tasks, []), 1)


def read(
    project: DrawnProject, reader: PageReader, exported: list[dict[str, Any]], least_readable: float = 0.8
) -> ReadTasks:
    reading = AnnotationReader(reader, project.fetch, parse_labeling_config(FORMS), False, least_readable)
    return reading.read_tasks(read_export(exported, reading.config, 1000), lambda **fields: None)


def spoil(result: dict[str, Any], how: str) -> None:
    value = result["value"]
    if how == "bad_geometry":
        value["width"] = "wide"
    if how == "outside_page":
        value["x"] = 200
    if how == "no_label":
        value["rectanglelabels"] = []
    if how == "unknown_label":
        value["rectanglelabels"] = ["gone"]
    if how == "further_label":
        value["rectanglelabels"].append("answer")
    if how == "over_no_word":
        value |= {"x": 99.5, "y": 99.5, "width": 0.4, "height": 0.4}


REASONS = ("bad_geometry", "outside_page", "no_label", "unknown_label", "further_label", "over_no_word")


def test_AN07_AN08_AN09_AN11_AN12_boxes_that_cannot_be_used_are_counted_and_logged_once_a_run(
    reader: PageReader, caplog: pytest.LogCaptureFixture
) -> None:
    project = DrawnProject(FORMS, [draw_form(0), draw_form(1)])
    for task in project.tasks:
        for result, how in zip(task["annotations"][0]["result"], REASONS, strict=False):
            spoil(result, how)
    project.tasks[0]["annotations"].append({"id": 9, "was_cancelled": True, "result": []})
    with caplog.at_level(logging.INFO):
        found = read(project, reader, project.tasks)
    assert found.left_out == {"skipped": 1, **dict.fromkeys(REASONS, 2)}
    told = [vars(record)["left_out"] for record in caplog.records if "left_out" in vars(record)]
    assert told == [found.left_out]
    assert [len(task.boxes[0]) for task in found.tasks] == [
        len(task["annotations"][0]["result"]) - 4 for task in project.tasks
    ], "the rest is used"


def test_AN14_what_was_deleted_since_the_export_began_is_skipped(reader: PageReader) -> None:
    project = DrawnProject(FORMS, [draw_form(seed) for seed in range(6)])
    exported = list(project.tasks)
    del project.images[exported[2]["data"]["image"]]  # with its task
    exported[4] = exported[4] | {"annotations": []}
    found = read(project, reader, exported)
    assert [task.task_id for task in found.tasks] == [1, 2, 4, 6]
    assert found.left_out == {"unreadable": 1}


@pytest.mark.parametrize(("least", "enough"), [(0.5, True), (0.6, True), (0.61, False), (1.0, False)])
def test_AN18_the_share_of_images_that_must_be_there_is_configured(
    reader: PageReader, least: float, enough: bool
) -> None:
    project = DrawnProject(FORMS, [draw_form(seed) for seed in range(5)])
    for url in list(project.images)[:2]:
        del project.images[url]
    if enough:
        assert read(project, reader, project.tasks, least).left_out == {"unreadable": 2}
    else:
        with pytest.raises(ServiceError, match="only 3 of 5 annotated pages could be read") as failure:
            read(project, reader, project.tasks, least)
        assert failure.value.code == "images_unavailable"


def test_pages_are_read_with_the_facts_of_their_annotation(reader: PageReader) -> None:
    project = DrawnProject(FORMS, [draw_form(0), draw_form(1)])
    exported: list[dict[str, Any]] = list(project.annotated_tasks(1))
    taken_over = exported[1]["annotations"][0]
    taken_over |= {"parent_prediction": 5, "updated_at": "2026-02-03T04:05:06Z"}
    exported[1]["predictions"] = [{"id": 5, "result": taken_over["result"]}]
    own, accepted = read(project, reader, exported).tasks
    assert not own.accepted
    assert accepted.accepted
    assert accepted.annotated_at == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert len(accepted.boxes[0]) == len(taken_over["result"])

"""Exported tasks as people left them, and when they are too little to learn from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from backend.document.geometry import Box
from backend.document.label_set import LabelSet
from backend.document.region import LabelledBox
from backend.errors import TrainingRefused
from backend.label_studio.config import parse_labeling_config
from backend.pipelines.annotated import AnnotatedTask, AnnotationReader, TrainingSet, check_enough
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


def test_what_is_missing_is_told() -> None:
    assert "annotate 2 more" in refusal((ON_A_WORD,), least=3).message
    assert "none of the 2 annotated pages has a box" in refusal((), ()).message
    assert "no word" in refusal((), (ON_NO_WORD,)).message


def test_pages_are_read_with_the_facts_of_their_annotation(reader: PageReader) -> None:
    project = DrawnProject(FORMS, [draw_form(0), draw_form(1)])
    exported: list[dict[str, Any]] = list(project.annotated_tasks(1))
    taken_over = exported[1]["annotations"][0]
    taken_over |= {"parent_prediction": 5, "updated_at": "2026-02-03T04:05:06Z"}
    exported[1]["predictions"] = [{"id": 5, "result": taken_over["result"]}]
    reading = AnnotationReader(reader, project.fetch, parse_labeling_config(FORMS), pictures=False)
    own, accepted = reading.read_tasks(exported, lambda **fields: None)
    assert not own.accepted
    assert accepted.accepted
    assert accepted.annotated_at == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert len(accepted.boxes[0]) == len(taken_over["result"])

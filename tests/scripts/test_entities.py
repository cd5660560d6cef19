"""Strict entity scores, and FUNSD's words as pages."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from backend.training.scores import Counts
from scripts.bench.entities import runs, score_form
from scripts.bench.given_words import LABELS, read_forms

DATE = ("question", frozenset({0, 1}))
NAME = ("answer", frozenset({2, 3, 4}))


def test_label_and_words_must_be_exactly_those_of_the_entity() -> None:
    assert score_form([DATE, NAME], [DATE, NAME]).exact == Counts(2, 2, 2)
    assert score_form([("answer", DATE[1])], [DATE, NAME]).exact == Counts(0, 1, 2)
    assert score_form([("answer", frozenset({2, 3}))], [NAME]).exact == Counts(0, 1, 1)
    assert score_form([], [NAME]).exact == Counts(0, 0, 1)


def test_an_entity_proposed_twice_counts_once() -> None:
    assert score_form([NAME, NAME], [NAME]).exact == Counts(1, 1, 1)


def test_two_entities_proposed_as_one_are_wrong_but_right_by_runs() -> None:
    """The words of two answers that do not follow each other in the file."""
    true = [("answer", frozenset({0, 1})), ("answer", frozenset({5}))]
    scores = score_form([("answer", frozenset({0, 1, 5}))], true)
    assert scores.exact == Counts(0, 1, 2)
    assert scores.runs == Counts(2, 2, 2)


def test_runs_are_cut_where_words_do_not_follow_each_other() -> None:
    assert runs([("answer", frozenset({7, 3, 4}))]) == [("answer", frozenset({3, 4})), ("answer", frozenset({7}))]


def test_scores_of_forms_add_up() -> None:
    both = score_form([DATE], [DATE]) + score_form([], [NAME])
    assert both.exact == Counts(1, 1, 2)


def word(text: str, left: int, top: int) -> dict[str, object]:
    return {"text": text, "box": [left, top, left + 40, top + 12]}


def test_a_form_is_read_with_its_words_in_their_order_and_tagged_by_its_entities(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "images").mkdir()
    Image.new("L", (400, 200)).save(tmp_path / "images/one.png")
    entities = [
        {"label": "answer", "words": [word("May", 100, 50), word("1984", 145, 50)]},
        {"label": "other", "words": [word("page", 10, 100)]},
        {"label": "header", "words": [word(" ", 10, 150)]},  # a field without text
        {"label": "question", "words": [word("Da te:", 10, 50)]},
    ]
    (tmp_path / "annotations/one.json").write_text(json.dumps({"form": entities}), encoding="utf-8")

    (form,) = read_forms(tmp_path)
    (page,) = form.pages
    assert page.size == (400, 200)
    assert [text.text for text in page.words] == ["May", "1984", "page", "Date:"]
    assert [text.segment for text in page.words] == [0, 0, 1, 2]
    assert form.entities == (("answer", frozenset({0, 1})), ("question", frozenset({3})))
    assert form.tags(LABELS) == [[LABELS.begin("answer"), LABELS.inside("answer"), 0, LABELS.begin("question")]]

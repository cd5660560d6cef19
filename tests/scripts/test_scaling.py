"""Pages made of words, and how growth is told."""

import pytest

from backend.document.label_set import LabelSet
from backend.training.align import align
from scripts.speed.scaling import growth
from scripts.speed.scaling_labels import by_labels
from scripts.speed.scaling_memory import Peak
from scripts.speed.scaling_pages import label_names, word_page
from scripts.speed.scaling_training import by_training_set


def test_pages_have_the_words_asked_for_and_boxes_that_hold_some() -> None:
    labels = LabelSet(label_names(300))
    drawn = word_page(400, labels.names, seed=1)
    page = drawn.page()
    assert 400 <= len(page.words) <= 410
    begun = [tag for tag in align(page, drawn.boxes, labels) if tag % 2]
    assert len(begun) == len(drawn.boxes)
    assert all(word.box.right <= page.width and word.box.bottom <= page.height for word in page.words)
    assert word_page(400, labels.names, seed=1) == drawn
    assert word_page(400, labels.names, seed=2) != drawn


def test_growth_is_told_as_an_exponent() -> None:
    rows = {10: [("10 words: align", 1.0, "s"), ("10 words: memory", 5.0, "MB")]}
    rows[100] = [("100 words: align", 100.0, "s"), ("100 words: memory", 6.0, "MB")]
    (figure,) = growth(rows)
    assert figure.what == "growth from 10 to 100 words: align"
    assert figure.value == pytest.approx(2.0)


def test_the_peak_of_a_block_is_seen_and_not_that_of_an_earlier_one() -> None:
    with Peak() as large:
        taken = bytes(range(256)) * 400_000
    del taken
    with Peak() as small:
        pass
    assert large.megabytes > 90
    assert small.megabytes < 10


def test_every_stage_of_a_training_set_is_measured() -> None:
    rows = by_training_set(25)
    assert {unit for _, _, unit in rows} == {"ms a page", "MB"}
    assert all(value > 0 for _, value, unit in rows if unit == "ms a page")


def test_labels_are_learnt() -> None:
    rows = {what: value for what, value, _ in by_labels(2)}
    assert rows["2 labels: F1 of the fast learner"] > 0.9

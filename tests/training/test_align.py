import math

import pytest

from backend.document.geometry import Box, corners
from backend.document.label_set import OUTSIDE, LabelSet
from backend.document.page import Page, Word
from backend.document.region import LabelledBox
from backend.training.align import align, shares_inside
from tests.pages_of_words import page_of_rows

LABELS = LabelSet(("question", "answer"))


def test_word_outside_every_box_is_unlabelled() -> None:
    page = page_of_rows(["Name:", "Ann"])
    assert align(page, [LabelledBox("answer", Box(500, 500, 600, 600))], LABELS) == [OUTSIDE, OUTSIDE]


def test_first_word_of_a_box_begins_and_the_others_are_inside() -> None:
    page = page_of_rows(["Ann", "van", "Lee"])
    tags = align(page, [LabelledBox("answer", Box(0, 0, 1000, 50))], LABELS)
    assert tags == [LABELS.begin("answer"), LABELS.inside("answer"), LABELS.inside("answer")]


def test_second_line_of_a_box_is_inside_though_another_box_lies_between() -> None:
    page = page_of_rows(["left", "", "right"], ["left", "", "right"])
    left = LabelledBox("answer", Box(0, 0, 100, 100))
    right = LabelledBox("answer", Box(100, 0, 300, 100))
    begin, inside = LABELS.begin("answer"), LABELS.inside("answer")
    assert align(page, [left, right], LABELS) == [begin, begin, inside, inside]


@pytest.mark.parametrize(("covered", "expected"), [(0.49, OUTSIDE), (0.51, 1)])
def test_half_of_the_word_decides(covered: float, expected: int) -> None:
    page = Page(100, 100, (Word("x", Box(0, 0, 100, 10), 1, 0),))
    assert align(page, [LabelledBox("question", Box(0, 0, 100 * covered, 10))], LABELS) == [expected]


def test_the_smallest_box_wins() -> None:
    page = page_of_rows(["Name:"])
    whole = LabelledBox("question", Box(0, 0, 1000, 1000))
    close = LabelledBox("answer", Box(0, 0, 100, 60))
    assert align(page, [whole, close], LABELS) == [LABELS.begin("answer")]


def test_a_label_that_is_not_in_the_set_leaves_no_trace() -> None:
    page = page_of_rows(["Name:"])
    assert align(page, [LabelledBox("gone", Box(0, 0, 1000, 1000))], LABELS) == [OUTSIDE]


def test_a_turned_box_holds_the_words_under_it() -> None:
    # a thin box turned 45 degrees clockwise around its top left corner runs down to the right
    turned = LabelledBox("answer", Box(100, 100, 400, 140), rotation=45)
    middle = 150 / math.sqrt(2)
    on_it = Box(100 + middle - 25, 100 + middle + 5, 100 + middle + 5, 100 + middle + 25)
    inside, outside = shares_inside(corners([on_it, Box(300, 105, 330, 125)]), turned)
    assert inside > 0.5
    assert outside == 0

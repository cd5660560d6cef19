import math

import pytest

from backend.document.geometry import Box, corners
from backend.document.label_set import OUTSIDE, LabelSet
from backend.document.page import Page, Word
from backend.document.region import LabelledBox
from backend.training.align import align, over_no_word, shares_inside
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


def in_boxes(question: Box, answer: Box) -> list[int]:
    """The tag of a word of 100 by 10 in two boxes that overlap, whichever was drawn first."""
    page = Page(1000, 1000, (Word("x", Box(0, 0, 100, 10), 1, 0),))
    boxes = [LabelledBox("question", question), LabelledBox("answer", answer)]
    tags = align(page, boxes, LABELS)
    assert align(page, boxes[::-1], LABELS) == tags
    return tags


def test_AN10_the_box_that_covers_more_of_the_word_wins_however_large_it_is() -> None:
    most, some = Box(0, 0, 90, 1000), Box(30, 0, 100, 10)
    assert in_boxes(most, some) == [LABELS.begin("question")]
    assert in_boxes(some, most) == [LABELS.begin("answer")]


def test_AN10_of_boxes_that_cover_as_much_of_the_word_the_smallest_wins() -> None:
    whole, close = Box(0, 0, 1000, 1000), Box(0, 0, 100, 60)
    assert in_boxes(whole, close) == [LABELS.begin("answer")]
    assert in_boxes(close, whole) == [LABELS.begin("question")]
    assert in_boxes(whole, Box(4, 0, 100, 60)) == [LABELS.begin("answer")], "hands draw no better"
    assert in_boxes(whole, Box(15, 0, 100, 60)) == [LABELS.begin("question")]


def test_AN12_boxes_over_no_word_are_counted() -> None:
    page = page_of_rows(["Name:", "Ann"])
    over_a_word, over_none = LabelledBox("answer", page.words[0].box), LabelledBox("answer", Box(500, 500, 600, 600))
    assert over_no_word(page, [over_a_word, over_none, over_none]) == 2
    assert over_no_word(Page(10, 10, ()), [over_none]) == 1
    assert align(Page(10, 10, ()), [over_none], LABELS) == []


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

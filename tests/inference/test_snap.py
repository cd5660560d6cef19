"""What somebody draws, pulled to the words under it."""

from __future__ import annotations

import numpy as np
import pytest

from backend.document.geometry import Box
from backend.document.label_set import LabelSet
from backend.inference.snap import likeliest_labels, snapped, words_under
from tests.pages_of_words import WORD_HEIGHT, page_of_rows

PAGE = page_of_rows(["Total", "12.50"], ["Thank", "you"])
FIRST, SECOND, THIRD = (word.box for word in PAGE.words[:3])


def test_a_rough_box_means_the_words_it_covers() -> None:
    assert words_under(PAGE, Box(FIRST.left + 10, FIRST.top - 5, SECOND.right - 10, SECOND.bottom + 4)) == (0, 1)


def test_a_word_counts_with_four_tenths_of_its_area_under_the_box() -> None:
    assert words_under(PAGE, Box(FIRST.left, FIRST.top, SECOND.left + 25, SECOND.bottom)) == (0, 1)
    assert words_under(PAGE, Box(FIRST.left, FIRST.top, SECOND.left + 15, SECOND.bottom)) == (0,)


def test_a_region_is_the_union_of_its_words_with_their_text() -> None:
    region = snapped(PAGE, (0, 1), "total")
    assert (region.label, region.text, region.words) == ("total", "Total 12.50", (0, 1))
    assert region.box == Box(FIRST.left, FIRST.top, SECOND.right, SECOND.bottom)
    assert region.score == pytest.approx(0.9)


def test_a_stroke_along_a_line_means_its_words() -> None:
    middle = FIRST.top + WORD_HEIGHT / 2
    assert words_under(PAGE, Box(FIRST.left + 5, middle - 2, SECOND.right - 5, middle + 2)) == (0, 1)


def test_a_small_box_in_a_word_means_the_word() -> None:
    middle = FIRST.top + WORD_HEIGHT / 2
    assert words_under(PAGE, Box(FIRST.left + 20, middle - 2, FIRST.left + 25, middle + 2)) == (0,)


def test_a_point_means_the_line_segment_under_it() -> None:
    x, y = THIRD.center
    assert words_under(PAGE, Box(x, y, x, y)) == (2, 3)


@pytest.mark.parametrize("drawn", [Box(600, 600, 700, 700), Box(600, 600, 600, 600)])
def test_nothing_is_meant_where_no_word_is(drawn: Box) -> None:
    assert words_under(PAGE, drawn) == ()


def test_a_box_that_only_touches_words_means_none_of_them() -> None:
    assert words_under(PAGE, Box(FIRST.left, FIRST.bottom - 3, SECOND.right, FIRST.bottom + 4)) == ()


def test_the_likeliest_label_is_told_whatever_there_is_for_nothing() -> None:
    labels = LabelSet(("date", "total"))
    words = np.array([[0.9, 0.02, 0.01, 0.03, 0.04], [0.8, 0.05, 0.05, 0.05, 0.05], [0, 1, 0, 0, 0]], np.float32)
    found = list(likeliest_labels((0, 1), words, labels))
    assert [label for label, _ in found] == ["total", "date"]
    assert [share for _, share in found] == pytest.approx([0.085, 0.065])

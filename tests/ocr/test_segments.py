from __future__ import annotations

import time
from collections import Counter
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from backend.document.geometry import Box
from backend.document.page import Word
from backend.ocr.segments import GAP_HEIGHTS, arrange
from tests.drawn import DrawnPage, draw_form

coordinates = st.floats(0, 1000, allow_nan=False, width=32)
words_anywhere = st.lists(
    st.builds(
        lambda text, left, top, width, height: Word(text, Box(left, top, left + width, top + height), 0.9),
        st.text("abcXY12.", min_size=1, max_size=5),
        coordinates,
        coordinates,
        st.floats(0, 300, width=32),
        st.floats(0, 100, width=32),
    ),
    max_size=40,
)


def word(text: str, left: float, top: float, *, height: float = 20) -> Word:
    """A word whose letters are 10 pixels wide."""
    return Word(text, Box(left, top, left + 10 * len(text), top + height), 0.9)


def lines(words: tuple[Word, ...]) -> list[str]:
    """The text of each segment."""
    texts: dict[int, list[str]] = {}
    for item in words:
        texts.setdefault(item.segment, []).append(item.text)
    return [" ".join(texts[number]) for number in sorted(texts)]


@given(words_anywhere)
def test_no_word_is_lost_or_changed(words: list[Word]) -> None:
    def plain(items: list[Word] | tuple[Word, ...]) -> Counter[tuple[str, Box]]:
        return Counter((item.text, item.box) for item in items)

    assert plain(arrange(words)) == plain(words)


@given(words_anywhere, st.randoms(use_true_random=False))
def test_the_order_in_which_words_come_does_not_matter(words: list[Word], random: Random) -> None:
    shuffled = list(words)
    random.shuffle(shuffled)
    assert arrange(shuffled) == arrange(words)


@given(words_anywhere)
def test_segments_are_numbered_without_gaps_and_run_from_left_to_right(words: list[Word]) -> None:
    arranged = arrange(words)
    numbers = [item.segment for item in arranged]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(len(set(numbers))))
    for left, right in pairwise(arranged):
        if left.segment == right.segment:
            assert left.box.left <= right.box.left
            assert right.box.left - left.box.right <= GAP_HEIGHTS * max(left.box.height, right.box.height)


def test_rows_are_read_from_top_to_bottom_and_from_left_to_right() -> None:
    page = [word("Total", 10, 100), word("b", 60, 12), word("12.50", 400, 98), word("a", 40, 10)]
    assert lines(arrange(page)) == ["a b", "Total", "12.50"]


def test_a_gap_wider_than_a_word_height_ends_a_segment() -> None:
    near, far = GAP_HEIGHTS * 20 - 1, GAP_HEIGHTS * 20 + 1
    assert lines(arrange([word("Name", 0, 0), word("Ann", 40 + near, 0)])) == ["Name Ann"]
    assert lines(arrange([word("Name", 0, 0), word("Ann", 40 + far, 0)])) == ["Name", "Ann"]


def test_low_marks_stay_on_their_row() -> None:
    page = [word("Smith", 0, 10), word(".", 52, 26, height=3), word("-", 65, 18, height=3), word("below", 0, 36)]
    assert lines(arrange(page)) == ["Smith .", "-", "below"]


def test_large_print_beside_two_lines_joins_neither_line_to_the_other() -> None:
    page = [word("LOGO", 0, 0, height=60), word("first", 200, 2), word("line", 260, 2), word("second", 200, 34)]
    assert set(lines(arrange(page))) == {"LOGO", "first line", "second"}


@given(seed=st.integers(0, 200), slope=st.floats(-0.04, 0.04))
def test_a_skewed_page_is_read_like_a_straight_one(seed: int, slope: float) -> None:
    def skewed(item: Word) -> Word:
        fall = slope * item.box.center[0]
        return Word(item.text, Box(item.box.left, item.box.top + fall, item.box.right, item.box.bottom + fall), 1.0)

    page = draw_form(seed)
    assert lines(arrange(map(skewed, page.words))) == lines(arrange(page.words))


@given(seed=st.integers(0, 200))
def test_no_segment_of_a_form_reaches_over_two_boxes(seed: int) -> None:
    page = draw_form(seed)
    owners: dict[int, set[int]] = {}
    for item in arrange(page.words):
        inside = [at for at, box in enumerate(page.boxes) if box.box.intersection(item.box).area > item.box.area / 2]
        owners.setdefault(item.segment, set()).update(inside or [-1])
    assert all(len(found) == 1 for found in owners.values())


def test_words_read_on_a_page_lie_in_reading_order(drawn_receipt: DrawnPage) -> None:
    arranged = lines(arrange(drawn_receipt.words))
    assert arranged.index("Evans Trading Company") == 0
    assert arranged[-1] == "Thank you for your visit"


def test_twenty_thousand_words_take_less_than_a_second() -> None:
    page = [word("word", 60 * column, 24 * row) for row in range(200) for column in range(100)]
    started = time.process_time()
    arranged = arrange(page)
    assert time.process_time() - started < 1.0
    assert len({item.segment for item in arranged}) == 200


def test_twenty_thousand_words_on_one_row_take_about_as_long() -> None:
    page = [word("word", 120 * column, 0) for column in range(20_000)]
    started = time.process_time()
    arranged = arrange(page)
    assert time.process_time() - started < 1.5
    assert len({item.segment for item in arranged}) == 20_000

import itertools

from hypothesis import given
from hypothesis import strategies as st

from backend.encoding.windows import edge_weights, word_windows

counts = st.lists(st.integers(1, 12), max_size=300)


@given(counts, st.integers(0, 80))
def test_every_word_is_in_a_window_and_no_window_is_too_long(token_counts: list[int], overlap: int) -> None:
    windows = word_windows(token_counts, 50, overlap)
    covered = {word for start, end in windows for word in range(start, end)}
    assert covered == set(range(len(token_counts)))
    assert all(sum(token_counts[start:end]) <= 50 for start, end in windows)


@given(counts, st.integers(0, 80))
def test_windows_go_on(token_counts: list[int], overlap: int) -> None:
    windows = word_windows(token_counts, 50, overlap)
    assert all(one[0] < other[0] and one[1] < other[1] for one, other in itertools.pairwise(windows))


def test_neighbours_share_the_overlap() -> None:
    assert word_windows([1] * 100, 40, 10) == [(0, 40), (30, 70), (60, 100)]


def test_a_page_that_fits_is_one_window() -> None:
    assert word_windows([1] * 40, 40, 10) == [(0, 40)]


def test_no_words_no_window() -> None:
    assert word_windows([], 40, 10) == []


def test_a_word_at_a_cut_weighs_less_than_one_in_the_middle() -> None:
    first_window = edge_weights(0, 40, 100)
    assert first_window[39] < first_window[20]
    assert first_window[0] == max(first_window)  # the page begins here: nothing is missing


@given(st.integers(1, 200))
def test_weights_are_positive(total: int) -> None:
    assert min(edge_weights(0, total, total)) > 0

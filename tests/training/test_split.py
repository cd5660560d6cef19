from hypothesis import given
from hypothesis import strategies as st

from backend.training.split import LEAST_PAGES, MOST_HELD_OUT, is_held_out, split


@given(st.integers(1, 10**6), st.sets(st.integers(1, 10**9), max_size=200))
def test_no_task_is_on_both_sides_and_none_is_lost(project: int, tasks: set[int]) -> None:
    learnt, judged = split(project, tasks)
    assert learnt | judged == tasks
    assert not learnt & judged


@given(st.sets(st.integers(1, 10**6), min_size=LEAST_PAGES, max_size=100), st.integers(1, 10**6))
def test_a_task_never_changes_sides_when_more_come(tasks: set[int], another: int) -> None:
    _, before = split(7, tasks)
    _, after = split(7, tasks | {another})
    assert before == after & tasks


def test_few_pages_are_all_learnt_from() -> None:
    assert split(1, set(range(LEAST_PAGES - 1))) == (set(range(LEAST_PAGES - 1)), set())


def test_about_a_fifth_is_held_out() -> None:
    share = sum(is_held_out(1, task) for task in range(5000)) / 5000
    assert 0.17 < share < 0.23


def test_of_very_many_pages_a_bounded_number_is_held_out_and_stays_it() -> None:
    _, judged = split(1, set(range(2000)))
    _, later = split(1, set(range(2100)))
    assert len(judged) == len(later) == MOST_HELD_OUT
    assert all(is_held_out(1, task) for task in judged)
    # what came to be judged was never learnt: it is new
    assert later - judged <= set(range(2000, 2100))

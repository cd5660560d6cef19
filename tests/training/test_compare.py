import pytest

from backend.training.compare import compare
from backend.training.scores import Counts, Scores


def tasks(*rows: tuple[int, int, int], label: str = "total") -> list[Scores]:
    return [Scores({label: Counts(*row)}, 1) for row in rows]


def test_the_same_scores_are_not_worse() -> None:
    scores = tasks((3, 4, 4), (1, 2, 3))
    difference = compare(scores, scores)
    assert (difference.mean, difference.low, difference.high, difference.chance_worse) == (0, 0, 0, 0)


def test_worse_on_every_task_is_worse_in_every_resample() -> None:
    difference = compare(tasks((1, 4, 4), (0, 4, 4), (2, 4, 4)), tasks((3, 4, 4), (3, 4, 4), (4, 4, 4)))
    assert difference.chance_worse == 1
    assert difference.mean == pytest.approx(-7 / 12)
    assert difference.low <= difference.mean <= difference.high < 0


def test_worse_on_one_task_of_many_is_left_open() -> None:
    old = tasks(*[(3, 4, 4)] * 10)
    new = tasks(*[(3, 4, 4)] * 8, (2, 4, 4), (4, 4, 4))
    assert 0.1 < compare(new, old).chance_worse < 0.9


def test_a_label_that_is_forgotten_counts_in_the_macro_mean() -> None:
    old = [Scores({"line": Counts(18, 20, 20), "total": Counts(1, 1, 1)}, 1)] * 5
    new = [Scores({"line": Counts(19, 20, 20), "total": Counts(0, 0, 1)}, 1)] * 5
    assert compare(new, old).mean > 0
    assert compare(new, old, macro=True).chance_worse == 1


def test_the_same_question_has_the_same_answer() -> None:
    new, old = tasks((3, 4, 4), (0, 4, 4), (4, 4, 4)), tasks((1, 4, 4), (4, 4, 4), (2, 4, 4))
    assert compare(new, old) == compare(new, old)

from __future__ import annotations

from backend.document.geometry import Box
from backend.document.region import LabelledBox
from backend.reports.suspects import MOST_SUSPECTS, Suspect, find_suspects, task_link
from backend.training.judged import JudgedTask
from tests.reports.judged import PAGE, drawn, place, proposed, task

# Nine of ten times that the model is right, it gives "total" 0.72 or more and "date" 0.82 or more.
SURE = [
    task(number, [drawn("total", 0), drawn("date", 1)], [proposed("total", 0, score), proposed("date", 1, score + 0.1)])
    for number, score in enumerate((0.7, 0.75, 0.8, 0.85, 0.9), 100)
]


def found(*tasks: JudgedTask) -> list[Suspect]:
    return find_suspects([*SURE, *tasks], link=lambda number: f"link {number}")


def test_a_confident_other_label_is_suspected_and_a_hesitant_one_is_not() -> None:
    wrong = task(1, [drawn("date", 3)], [proposed("total", 3, 0.75)])
    hesitant = task(2, [drawn("date", 3)], [proposed("total", 3, 0.71)])
    [suspect] = found(wrong, hesitant)
    assert (suspect.task_id, suspect.page, suspect.drawn, suspect.proposed) == (1, 1, "date", "total")
    assert suspect.link == "link 1"
    assert suspect.box == {"x": 1.0, "y": 16.0, "width": 19.0, "height": 3.0}


def test_a_confident_box_where_nobody_drew_is_suspected() -> None:
    [suspect] = found(task(1, [], [proposed("date", 3, 0.95)]))
    assert suspect.drawn is None


def test_another_extent_of_a_drawn_box_is_no_slip() -> None:
    part = LabelledBox("date", Box(place(3).left, place(3).top, place(3).left + 60, place(3).bottom))
    assert found(task(1, [part], [proposed("date", 3, 0.95)])) == []


def test_a_label_that_was_rarely_right_suspects_nobody() -> None:
    assert found(task(1, [drawn("date", 3)], [proposed("company", 3, 0.99)])) == []


def test_the_worst_come_first_and_the_list_ends() -> None:
    wrong = [task(number, [], [proposed("total", 3, 0.85 + number / 1000)]) for number in range(MOST_SUSPECTS + 20)]
    suspects = found(*wrong)
    assert len(suspects) == MOST_SUSPECTS
    scores = [suspect.score for suspect in suspects]
    assert scores == sorted(scores, reverse=True)


def test_the_scores_of_each_model_are_measured_by_its_own() -> None:
    sure_of_little = [task(number, [drawn("total", 0)], [proposed("total", 0, 0.55)]) for number in range(5)]
    doubted = task(9, [], [proposed("total", 3, 0.6)])
    suspects = find_suspects(SURE, [*sure_of_little, doubted], link=str)
    assert [suspect.task_id for suspect in suspects] == [9]


def test_pages_of_a_task_are_counted_from_one() -> None:
    two = JudgedTask(1, (PAGE, PAGE), ((), ()), ((), (proposed("total", 3, 0.95),)))
    assert [suspect.page for suspect in found(two)] == [2]


def test_a_link_opens_the_task_and_needs_an_address() -> None:
    assert task_link("http://studio:8080/", 4, 17) == "http://studio:8080/projects/4/data?task=17"
    assert task_link("", 4, 17) == ""

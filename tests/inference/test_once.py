import numpy as np
import pytest

from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.inference.regions import decode_regions
from tests.pages_of_words import page_of_rows

ROWS = (["12/03/2024"], [""], [""], ["due"], [""], [""], ["15/04/2024"])
PAGE = page_of_rows(*ROWS)
ONCE = LabelSet(("date", "note"), once={"date": 0.9})
OFTEN = LabelSet(("date", "note"))


def texts(page: Page, rows: list[list[float]], label_set: LabelSet) -> list[tuple[str, str]]:
    found = decode_regions(page, np.array(rows, np.float32), label_set)
    return [(region.label, region.text) for region in found]


def test_of_two_regions_of_a_label_drawn_once_the_likelier_stays() -> None:
    rows = [[0.1, 0.9, 0, 0, 0], [1.0, 0, 0, 0, 0], [0.3, 0.7, 0, 0, 0]]
    assert texts(PAGE, rows, ONCE) == [("date", "12/03/2024")]
    assert texts(PAGE, rows, OFTEN) == [("date", "12/03/2024"), ("date", "15/04/2024")]


def test_more_likely_words_win_over_one_that_is_surer() -> None:
    page = page_of_rows(["Ann"], [""], [""], ["Elm", "Road", "7"])
    rows = [[0.05, 0.95, 0, 0, 0], [0.2, 0.8, 0, 0, 0], [0.2, 0, 0.8, 0, 0], [0.2, 0, 0.8, 0, 0]]
    assert texts(page, rows, ONCE) == [("date", "Elm Road 7")]


def test_a_missing_label_is_proposed_where_it_is_likeliest() -> None:
    rows = [[0.9, 0.1, 0, 0, 0], [1.0, 0, 0, 0, 0], [0.7, 0.3, 0, 0, 0]]
    assert texts(PAGE, rows, ONCE) == [("date", "15/04/2024")]
    assert texts(PAGE, rows, OFTEN) == []


def test_the_words_of_a_missing_region_come_along() -> None:
    page = page_of_rows(["3", "May", "2024"], ["thanks"])
    rows = [[0.8, 0.2, 0, 0, 0], [0.85, 0, 0.15, 0, 0], [0.75, 0, 0.25, 0, 0], [1.0, 0, 0, 0, 0]]
    assert texts(page, rows, ONCE) == [("date", "3 May 2024")]


def test_a_raised_region_keeps_the_score_the_model_gave_it() -> None:
    (region,) = decode_regions(
        PAGE, np.array([[0.7, 0.3, 0, 0, 0], [1.0, 0, 0, 0, 0], [1.0, 0, 0, 0, 0]], np.float32), ONCE
    )
    assert region.score == pytest.approx(0.3)


def test_a_label_that_many_pages_lack_is_not_forced_upon_a_page() -> None:
    rows = [[0.9, 0.1, 0, 0, 0], [1.0, 0, 0, 0, 0], [0.8, 0.2, 0, 0, 0]]
    assert texts(PAGE, rows, LabelSet(ONCE.names, once={"date": 0.5})) == []
    assert texts(PAGE, rows, LabelSet(ONCE.names, once={"date": 0.7})) == [("date", "15/04/2024")]


def test_a_label_the_model_rules_out_stays_away() -> None:
    nothing = [[1.0, 0, 0, 0, 0]] * 3
    assert texts(PAGE, nothing, ONCE) == []


def test_raising_one_label_leaves_the_regions_of_others() -> None:
    rows = [[0.1, 0, 0, 0.9, 0], [0.6, 0.1, 0, 0.3, 0], [0.55, 0, 0, 0.45, 0]]
    found = texts(PAGE, rows, ONCE)
    assert ("note", "12/03/2024") in found
    assert [label for label, _ in found] == ["note", "date"]
    assert all(label != "note" or text == "12/03/2024" for label, text in found)

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.document.geometry import Box
from backend.document.page import Page, Word
from backend.encoding.word_features import page_features, shape
from tests.pages_of_words import page_of_rows


def features_of(page: Page, text: str) -> set[str]:
    at = next(at for at, word in enumerate(page.words) if word.text == text)
    return set(page_features(page)[at])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("12.50", "amount"),
        ("RM1,250.00", "amount"),
        ("$9.99", "amount"),
        ("12/03/2024", "date"),
        ("2024-03-12", "date"),
    ],
)
def test_amounts_and_dates_are_recognised(text: str, kind: str) -> None:
    assert kind in features_of(page_of_rows([text]), text)
    assert kind not in features_of(page_of_rows(["Total"]), "Total")


def test_a_word_knows_its_row_its_neighbours_and_what_stands_above() -> None:
    page = page_of_rows(["Invoice", "No."], ["TOTAL", "12.50"])
    amount = features_of(page, "12.50")
    assert {"left:total", "-1:w=total", "above:no", "rightmost", "closes=True"} <= amount
    assert {"leftmost", "opens=True", "capitals"} <= features_of(page, "TOTAL")


def test_the_spelling_of_a_word_is_told_in_parts() -> None:
    found = features_of(page_of_rows(["Tota1:"]), "Tota1:")
    assert {"p2=to", "p=tot", "p4=tota", "e2=a1", "length=6"} <= found


def test_dates_are_counted() -> None:
    page = page_of_rows(["12/03/2024", "due"], ["15/04/2024"])
    assert "dates before=0" in features_of(page, "12/03/2024")
    assert "dates before=1" in features_of(page, "15/04/2024")
    assert not any(feature.startswith("dates before") for feature in features_of(page, "due"))


def test_shape_keeps_the_kinds_of_signs() -> None:
    assert shape("Inv-2024") == "Aa-9"
    assert shape("ÄÖx") == "Aa"


@given(st.lists(st.text(min_size=1, max_size=12), max_size=30))
def test_every_word_has_features_whatever_it_is_made_of(texts: list[str]) -> None:
    page = Page(100, 100, tuple(Word(text, Box(1, 1, 2, 2), 1.0, at) for at, text in enumerate(texts)))
    found = page_features(page)
    assert len(found) == len(texts)
    assert all(found)


def test_a_long_page_takes_a_moment() -> None:
    page = page_of_rows(*[[f"w{row}", "12.50", "", "due", "12/03/2024"] for row in range(500)], height=20000)
    started = time.process_time()
    assert len(page_features(page)) == 2000
    assert time.process_time() - started < 1

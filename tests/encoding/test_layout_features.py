from backend.document.geometry import Box
from backend.document.page import Page, Word
from backend.encoding.word_features import page_features
from tests.pages_of_words import page_of_rows


def features_of(page: Page, text: str) -> set[str]:
    at = next(at for at, word in enumerate(page.words) if word.text == text)
    return set(page_features(page)[at])


def test_place_is_told_in_steps_of_the_page() -> None:
    words = (Word("a", Box(0, 0, 10, 10), 1, 0), Word("b", Box(990, 990, 1000, 1000), 1, 1))
    assert {"x=0", "y=0", "top=0", "end=1"} <= features_of(Page(1000, 1000, words), "a")
    assert {"x=5", "y=5", "top=1", "end=0"} <= features_of(Page(1000, 1000, words), "b")


def test_every_word_of_a_segment_knows_how_it_begins_and_ends() -> None:
    page = page_of_rows(["Invoice", "number", "of", "sale:"])
    assert {"first=invoice", "last=sale", "ends with colon=True", "at=1", "back=2"} <= features_of(page, "number")


def test_a_word_knows_the_words_of_the_rows_above_and_below() -> None:
    page = page_of_rows(["Date", "", "", "Place"], ["today", "", "", "7"], ["Total"])
    below = features_of(page, "7")
    assert {"up:date", "up:place", "down:total"} <= below
    assert "up:today" not in below
    assert "down:7" not in features_of(page, "Place")  # numbers differ from page to page


def test_a_column_on_the_right_is_on_the_row_of_the_one_on_the_left() -> None:
    page = page_of_rows(["Name:", "", "", "", "", "", "Ann"], ["Street:"])
    assert "up:ann" in features_of(page, "Street:")
    assert "gap left=5" in features_of(page, "Ann")
    assert not any(feature.startswith("gap left") for feature in features_of(page, "Name:"))


def test_neighbours_are_told_by_their_distance() -> None:
    page = page_of_rows(["near", "by", "", "far"])
    assert {"gap right=1"} <= features_of(page, "near")
    assert {"gap left=1", "gap right=4"} <= features_of(page, "by")

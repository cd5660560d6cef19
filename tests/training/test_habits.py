import pytest

from backend.document.geometry import Box
from backend.document.label_set import LabelSet
from backend.document.region import LabelledBox
from backend.training.habits import LEAST_PAGES, with_habits

LABELS = LabelSet(("date", "item", "note"))


def boxes(*names: str) -> list[LabelledBox]:
    return [LabelledBox(name, Box(0, 0, 10, 10)) for name in names]


def test_a_label_that_no_page_has_twice_is_drawn_once() -> None:
    pages = [boxes("date", "item", "item"), boxes("date", "item"), boxes("date"), boxes("item")]
    found = with_habits(LABELS, pages)
    assert set(found.once) == {"date"}
    assert found.names == LABELS.names


def test_the_share_leaves_room_for_the_page_that_lacks_it() -> None:
    always = with_habits(LABELS, [boxes("date")] * 5)
    mostly = with_habits(LABELS, [boxes("date")] * 5 + [boxes()] * 3)
    assert always.once["date"] == pytest.approx(6 / 7)
    assert mostly.once["date"] == pytest.approx(6 / 10)


def test_a_label_seen_on_few_pages_has_no_habit_yet() -> None:
    assert "note" not in with_habits(LABELS, [boxes("note")] * (LEAST_PAGES - 1) + [boxes()]).once
    assert "note" in with_habits(LABELS, [boxes("note")] * LEAST_PAGES).once
    assert with_habits(LABELS, []).once == {}

from backend.document.geometry import Box
from backend.document.region import LabelledBox
from backend.inference.snap import snap
from tests.pages_of_words import page_of_rows

PAGE = page_of_rows(["Total", "12.50"], ["Thank", "you"])


def test_a_rough_box_becomes_the_union_of_its_words_with_their_text() -> None:
    first, second = PAGE.words[0].box, PAGE.words[1].box
    drawn = LabelledBox("total", Box(first.left + 10, first.top - 5, second.right - 10, second.bottom + 4))
    region = snap(PAGE, drawn)
    assert region is not None
    assert (region.label, region.text) == ("total", "Total 12.50")
    assert region.box == Box(first.left, first.top, second.right, second.bottom)


def test_a_box_over_no_word_snaps_to_nothing() -> None:
    assert snap(PAGE, LabelledBox("total", Box(600, 600, 700, 700))) is None

from backend.document.geometry import union
from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.document.region import LabelledBox
from backend.inference import regions
from scripts.compare_decoding import compare
from tests.pages_of_words import page_of_rows

LABELS = LabelSet(("address", "total"))


def receipt(number: int) -> tuple[Page, list[LabelledBox]]:
    page = page_of_rows(["Shop"], [f"{number}", "Elm", "Road"], ["Springfield"], [""], ["Total", "", f"{number}.50"])
    address = union(word.box for word in page.words[1:5])
    return page, [LabelledBox("address", address), LabelledBox("total", page.words[-1].box)]


def test_each_way_is_scored_with_learnt_and_with_true_labels() -> None:
    before = regions.LARGEST_LINE_GAP, regions.LARGEST_WORD_GAP
    found = compare(
        [receipt(number) for number in range(10, 15)], [receipt(number) for number in range(20, 23)], LABELS
    )
    assert found["served"] == (1.0, 1.0)
    assert found["without labels drawn once"][1] == 1.0
    assert found["- pieces of rows not joined"][1] < 1.0
    assert all(0 <= f1 <= 1 for figures in found.values() for f1 in figures)
    assert before == (regions.LARGEST_LINE_GAP, regions.LARGEST_WORD_GAP)

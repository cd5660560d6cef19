import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.document.geometry import union
from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.document.region import LabelledBox, Region
from backend.inference.regions import decode_regions, page_score
from backend.training.align import align
from tests.pages_of_words import page_of_rows

LABELS = LabelSet(("question", "answer"))


def decoded(page: Page, boxes: list[LabelledBox]) -> list[Region]:
    """What decoding makes of a model that is right about every word."""
    tags = align(page, boxes, LABELS)
    return decode_regions(page, np.eye(LABELS.tag_count, dtype=np.float32)[tags], LABELS)


def around(page: Page, label: str, *texts: str) -> LabelledBox:
    return LabelledBox(label, union(word.box for word in page.words if word.text in texts))


def test_gold_labels_give_the_gold_regions_back() -> None:
    page = page_of_rows(["Name:", "", "Ann", "Lee"], ["Street:", "", "Elm", "Road"], ["", "", "Springfield"])
    boxes = [
        around(page, "question", "Name:"),
        around(page, "answer", "Ann", "Lee"),
        around(page, "question", "Street:"),
        around(page, "answer", "Elm", "Road", "Springfield"),
    ]
    found = decoded(page, boxes)
    assert [(region.label, region.box) for region in found] == [(box.label, box.box) for box in boxes]
    assert found[-1].text == "Elm Road Springfield"


def test_two_neighbouring_answers_stay_two() -> None:
    page = page_of_rows(["12.50", "13.75"])
    boxes = [around(page, "answer", "12.50"), around(page, "answer", "13.75")]
    assert [region.text for region in decoded(page, boxes)] == ["12.50", "13.75"]


def test_lines_of_two_columns_do_not_mix() -> None:
    page = page_of_rows(["left1", "", "", "", "", "", "right1"], ["left2", "", "", "", "", "", "right2"])
    boxes = [around(page, "answer", "left1", "left2"), around(page, "answer", "right1", "right2")]
    assert [region.text for region in decoded(page, boxes)] == ["left1 left2", "right1 right2"]


def test_an_inside_word_with_nothing_near_begins_a_region() -> None:
    page = page_of_rows(["alone"])
    inside = np.eye(LABELS.tag_count, dtype=np.float32)[[LABELS.inside("answer")]]
    assert [region.text for region in decode_regions(page, inside, LABELS)] == ["alone"]


def test_the_same_label_far_below_is_another_region() -> None:
    page = page_of_rows(["one"], [""], [""], [""], ["two"])
    tags = [LABELS.begin("answer"), LABELS.inside("answer")]
    regions = decode_regions(page, np.eye(LABELS.tag_count, dtype=np.float32)[tags], LABELS)
    assert [region.text for region in regions] == ["one", "two"]


def test_score_is_the_mean_probability_of_the_words_label() -> None:
    page = page_of_rows(["Ann", "Lee"])
    probabilities = np.array([[0.1, 0.0, 0.0, 0.7, 0.2], [0.4, 0.0, 0.0, 0.1, 0.5]], np.float32)
    (region,) = decode_regions(page, probabilities, LABELS)
    assert region.label == "answer"
    assert region.score == pytest.approx((0.9 + 0.6) / 2)


def test_a_page_of_background_has_no_regions() -> None:
    page = page_of_rows(["Ann", "Lee"])
    assert decode_regions(page, np.eye(LABELS.tag_count, dtype=np.float32)[[0, 0]], LABELS) == []
    assert decode_regions(Page(10, 10, ()), np.zeros((0, LABELS.tag_count), np.float32), LABELS) == []


@given(st.lists(st.integers(0, 4), min_size=12, max_size=12), st.data())
def test_each_labelled_word_is_in_exactly_one_region(tags: list[int], data: st.DataObject) -> None:
    page = page_of_rows(*[[f"{row}{column}" for column in range(4)] for row in range(3)])
    noise = np.array(data.draw(st.lists(st.floats(0, 0.1), min_size=60, max_size=60)), np.float32).reshape(12, 5)
    probabilities = np.eye(LABELS.tag_count, dtype=np.float32)[tags] + noise
    regions = decode_regions(page, probabilities, LABELS)
    members = [word for region in regions for word in region.words]
    assert len(members) == len(set(members))
    for region in regions:
        assert region.box == union(page.words[at].box for at in region.words)
        assert region.score >= 0


def test_a_page_the_model_is_unsure_of_scores_lower() -> None:
    sure = np.tile(np.array([[0.98, 0.01, 0.01]], np.float32), (50, 1))
    unsure = sure.copy()
    unsure[:5] = [0.4, 0.35, 0.25]
    assert page_score(unsure) < page_score(sure) <= 1
    assert page_score(np.zeros((0, 3), np.float32)) == 0

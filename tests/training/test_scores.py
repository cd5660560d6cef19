import pytest

from backend.document.geometry import Box
from backend.document.region import LabelledBox, Region
from backend.training.scores import score_pages


def region(label: str, *corners: float) -> Region:
    return Region(label, Box(*corners), "", 1.0)


def test_right_label_and_place_count_once() -> None:
    boxes = [LabelledBox("total", Box(0, 0, 10, 10))]
    twice = [region("total", 0, 0, 10, 10), region("total", 0, 0, 10, 9)]
    counts = score_pages([(twice, boxes)]).by_label["total"]
    assert (counts.right, counts.proposed, counts.drawn) == (1, 2, 1)
    assert counts.precision == 0.5
    assert counts.recall == 1
    assert counts.f1 == pytest.approx(2 / 3)


def test_a_wrong_label_is_wrong_for_both() -> None:
    scores = score_pages([([region("date", 0, 0, 10, 10)], [LabelledBox("total", Box(0, 0, 10, 10))])])
    assert scores.micro.right == 0
    assert scores.by_label["date"].proposed == 1
    assert scores.by_label["total"].drawn == 1


@pytest.mark.parametrize(("width", "right"), [(5.1, 1), (4.9, 0)])
def test_iou_of_a_half_is_the_border(width: float, right: int) -> None:
    scores = score_pages([([region("total", 0, 0, width, 10)], [LabelledBox("total", Box(0, 0, 10, 10))])])
    assert scores.micro.right == right


def test_the_best_overlap_is_matched_first() -> None:
    boxes = [LabelledBox("total", Box(0, 0, 10, 10)), LabelledBox("total", Box(0, 0, 10, 16))]
    found = [region("total", 0, 0, 10, 11), region("total", 0, 0, 10, 16)]
    assert score_pages([(found, boxes)]).micro.right == 2


def test_macro_counts_each_drawn_label_the_same() -> None:
    boxes = [LabelledBox("total", Box(0, 0, 10, 10)), LabelledBox("date", Box(20, 0, 30, 10))]
    scores = score_pages([([region("total", 0, 0, 10, 10), region("company", 0, 50, 10, 60)], boxes)])
    assert scores.macro_f1 == 0.5
    assert scores.to_json()["labels"]["total"]["f1"] == 1.0


def test_nothing_drawn_and_nothing_proposed_is_no_division() -> None:
    scores = score_pages([([], [])])
    assert (scores.micro.f1, scores.macro_f1, scores.pages) == (0.0, 0.0, 1)

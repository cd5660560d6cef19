import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.document.geometry import Box, union

coordinates = st.integers(0, 1000)
boxes = st.tuples(coordinates, coordinates, st.integers(1, 200), st.integers(1, 200)).map(
    lambda corner: Box(corner[0], corner[1], corner[0] + corner[2], corner[1] + corner[3])
)


@given(boxes, boxes)
def test_iou_is_symmetric_and_between_0_and_1(one: Box, other: Box) -> None:
    assert one.iou(other) == other.iou(one)
    assert 0 <= one.iou(other) <= 1
    assert one.iou(one) == 1


def test_iou_of_a_half_covered_box() -> None:
    assert Box(0, 0, 10, 10).iou(Box(5, 0, 15, 10)) == pytest.approx(1 / 3)


@given(boxes, boxes)
def test_intersection_is_inside_both(one: Box, other: Box) -> None:
    common = one.intersection(other)
    assert common.area <= min(one.area, other.area)


def test_boxes_apart_have_no_area_in_common() -> None:
    assert Box(0, 0, 10, 10).intersection(Box(20, 20, 30, 30)).area == 0


@given(st.lists(boxes, min_size=1))
def test_union_holds_every_box(some: list[Box]) -> None:
    around = union(some)
    assert all(around.intersection(box) == box for box in some)


def test_union_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one box"):
        union([])


def test_clipped_box_lies_on_the_page() -> None:
    assert Box(-5, 10, 120, 90).clipped(100, 80) == Box(0, 10, 100, 80)

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from backend.errors import TaskError
from backend.ocr.scan import LONGEST_SIDE_PX, MOST_PIXELS, reduced, to_scan
from tests.drawn import DrawnPage
from tests.ocr.written import written


def test_small_print_is_doubled_and_large_print_is_not() -> None:
    small, large = written(12), written(30)
    assert to_scan(small).image.size == (2 * small.width, 2 * small.height)
    assert to_scan(large).image.size == large.size


def test_huge_page_is_made_smaller() -> None:
    scan = to_scan(Image.new("L", (6000, 8000), 255))
    assert scan.image.width * scan.image.height <= 1.01 * MOST_PIXELS
    assert scan.factor_x == pytest.approx(scan.image.width / 6000)


@pytest.mark.parametrize(("size", "shrinks"), [((3000, 4000), False), ((6000, 8000), True), ((100, 200_000), True)])
def test_a_page_is_reduced_to_what_engines_read_well(size: tuple[int, int], shrinks: bool) -> None:
    page = Image.new("RGB", size, "white")
    small = reduced(page)
    assert (small is not page) == shrinks
    assert small.width * small.height <= 1.01 * MOST_PIXELS
    assert small.width / small.height == pytest.approx(size[0] / size[1], rel=0.05)


def test_page_longer_than_the_engine_takes_is_refused_when_nothing_would_be_left() -> None:
    with pytest.raises(TaskError, match="400000 x 20"):
        to_scan(Image.new("L", (400_000, 20), 255))


@settings(deadline=None, max_examples=40)
@given(width=st.integers(1, 3000), height=st.integers(1, 3000))
def test_scan_factors_lead_back_to_the_page(width: int, height: int) -> None:
    scan = to_scan(Image.new("RGB", (width, height), "white"))
    assert scan.image.mode == "L"
    assert max(scan.image.size) <= LONGEST_SIDE_PX
    assert scan.image.width / scan.factor_x == pytest.approx(width)
    assert scan.image.height / scan.factor_y == pytest.approx(height)


def test_page_itself_is_left_alone(drawn_form: DrawnPage) -> None:
    before = drawn_form.image.tobytes()
    to_scan(drawn_form.image)
    assert drawn_form.image.tobytes() == before

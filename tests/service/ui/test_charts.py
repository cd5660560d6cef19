from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.service.ui.charts import MOST_TICKS, chart, round_up, round_values

ENDS = st.floats(1e-6, 1e9)
POINTS = st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("high", "texts"),
    [
        (1.0, ["0", "0.25", "0.5", "0.75", "1"]),
        (400, ["0", "100", "200", "300", "400"]),
        (7, ["0", "2", "4", "6"]),
        (0.0, ["0"]),
    ],
)
def test_ticks_are_round(high: float, texts: list[str]) -> None:
    assert [text for _, text in round_values(0.0, high)] == texts


@given(high=ENDS)
def test_ticks_are_few_and_on_the_axis(high: float) -> None:
    values = [value for value, _ in round_values(0.0, high)]
    assert 2 <= len(values) <= MOST_TICKS
    assert all(0 <= value <= high * 1.001 for value in values)


@pytest.mark.parametrize(("value", "above"), [(1.99, 2.0), (2.0, 2.0), (0.389, 0.4), (0.0, 1.0), (431, 500)])
def test_an_axis_ends_at_a_round_value(value: float, above: float) -> None:
    assert round_up(value) == pytest.approx(above)


@given(points=POINTS)
def test_a_curve_stays_in_its_drawing(points: list[tuple[float, float]]) -> None:
    drawn = chart(points, summary="", x_label="", y_label="", dots=points)
    for x, y in drawn.dots:
        assert drawn.left <= x <= drawn.right
        assert drawn.top <= y <= drawn.bottom
    assert len(drawn.line.split()) == len(points)


def test_a_larger_value_is_drawn_higher() -> None:
    low, high = chart([(1, 0.2), (2, 0.6)], summary="", x_label="", y_label="").line.split()
    assert float(high.split(",")[1]) < float(low.split(",")[1])
    assert float(high.split(",")[0]) > float(low.split(",")[0])


@pytest.mark.parametrize("points", [[], [(1, float("nan"))], [(float("inf"), 1)]])
def test_what_cannot_be_drawn_is_refused(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match=r"points|number|end"):
        chart(points, summary="", x_label="", y_label="")

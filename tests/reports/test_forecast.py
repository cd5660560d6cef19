from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.reports.forecast import PowerLaw, fit_power_law
from backend.reports.learning_curve import CurvePoint

SIZES = (3, 6, 12, 24, 48)


def points(law: PowerLaw, noise: float = 0.0, shuffles: int = 2) -> list[CurvePoint]:
    random = Random(1)
    return [CurvePoint(size, law.f1(size) + random.gauss(0, noise)) for size in SIZES for _ in range(shuffles)]


@pytest.mark.parametrize(
    "law",
    [PowerLaw(0.9, 0.2, 0.7, 48, 0), PowerLaw(0.95, 0.1, 1.0, 48, 0), PowerLaw(0.7, 0.05, 0.5, 48, 0)],
)
def test_a_law_is_found_again_and_forecasts_twice_the_pages(law: PowerLaw) -> None:
    fitted = fit_power_law(points(law, noise=0.02))
    assert fitted is not None
    for pages in (48, 96):
        assert fitted.f1(pages) == pytest.approx(law.f1(pages), abs=0.03)


def test_a_flat_curve_promises_nothing() -> None:
    fitted = fit_power_law([CurvePoint(size, 0.6) for size in SIZES])
    assert fitted is not None
    assert fitted.f1(fitted.furthest) - fitted.f1(48) < 0.02


def test_too_few_sizes_pages_or_too_uneven_points_give_no_law() -> None:
    assert fit_power_law([]) is None
    assert fit_power_law([CurvePoint(10, 0.5), CurvePoint(20, 0.6)] * 5) is None
    assert fit_power_law([CurvePoint(pages, pages / 5) for pages in (1, 2, 3, 4)]) is None
    assert (
        fit_power_law([CurvePoint(size, f1) for size, f1 in zip(SIZES, (0.9, 0.1, 0.9, 0.1, 0.9), strict=True)]) is None
    )


@given(st.lists(st.tuples(st.integers(1, 200), st.floats(0, 1)), max_size=20))
def test_a_forecast_is_an_f1_and_never_falls(raw: list[tuple[int, float]]) -> None:
    law = fit_power_law([CurvePoint(pages, f1) for pages, f1 in raw])
    if law is None:
        return
    forecast = [law.f1(pages) for pages in range(1, law.furthest + 1)]
    assert all(0 <= f1 <= 1 for f1 in forecast)
    assert forecast == sorted(forecast)

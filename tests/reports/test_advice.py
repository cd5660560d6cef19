from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from backend.reports.advice import LEAST_ADVISED, LEAST_PAGES, TARGET_F1, Advice, Kind, LabelFacts, advise
from backend.reports.confusion import Confusion
from backend.reports.forecast import PowerLaw
from backend.training.scores import Counts

NO_MISTAKES = Confusion((), Counter())
RISING = PowerLaw(0.95, 0.25, 0.7, 30, 0.02)
FLAT = PowerLaw(0.72, 0.02, 0.5, 30, 0.02)
F1_070 = Counts(14, 20, 20)
F1_095 = Counts(19, 20, 20)


def advice(
    pages: int = 40, *, suspects: int = 0, mistakes: Confusion = NO_MISTAKES, **labels: LabelFacts
) -> list[Advice]:
    return advise(pages, labels, mistakes, suspects)


def test_a_rising_label_is_told_how_many_pages_bring_how_much() -> None:
    [found] = advice(Total=LabelFacts(40, F1_070, RISING))
    assert found.kind is Kind.MORE
    assert found.text == f'Label {found.pages} more pages with "Total": its F1 is forecast to rise from 0.70 to 0.73.'
    gained = RISING.f1(40 + found.pages) - RISING.f1(40)
    assert gained >= 0.03 > RISING.f1(39 + found.pages) - RISING.f1(40)


def test_what_brings_most_a_page_comes_first() -> None:
    steep = PowerLaw(0.95, 0.4, 0.7, 30, 0.02)
    found = advice(a=LabelFacts(40, F1_070, RISING), b=LabelFacts(40, F1_070, steep))
    assert [one.label for one in found] == ["b", "a"]


def test_a_flat_label_is_told_what_stands_in_its_place() -> None:
    mistakes = Confusion(("x", "y"), Counter({("x", "y"): 5, ("x", None): 2, ("x", "x"): 9}))
    [found] = advice(mistakes=mistakes, x=LabelFacts(40, F1_070, FLAT))
    assert (found.kind, found.pages) == (Kind.FLAT, 0)
    assert 'Mostly "y" was proposed in its place (5 times)' in found.text


def test_a_label_with_few_pages_is_asked_for_without_a_forecast() -> None:
    never, rare, *_ = advice(rare=LabelFacts(3, Counts(1, 1, 2), None), never=LabelFacts(0, Counts(), None))
    assert (never.label, never.pages, rare.label, rare.pages) == ("never", LEAST_PAGES, "rare", LEAST_PAGES - 3)
    assert rare.text.startswith('Label 5 more pages with "rare": 3 of 40 have it')


def test_a_small_project_is_asked_for_pages_not_for_each_label() -> None:
    found = advice(5, a=LabelFacts(5, F1_070, None), b=LabelFacts(3, F1_070, None), c=LabelFacts(0, Counts(), None))
    assert [one.label for one in found] == ["c", None]
    assert found[1].text == "Label 3 more pages: 5 annotated so far, forecasts need 8."


def test_beyond_the_measured_pages_nothing_is_forecast() -> None:
    [found] = advice(500, x=LabelFacts(500, F1_070, RISING))
    assert found.kind is Kind.FLAT
    assert "forecast" not in found.text


def test_an_uneven_curve_gives_a_step_and_no_figure() -> None:
    [found] = advice(20, x=LabelFacts(20, F1_070, None))
    assert (found.kind, found.pages, found.forecast_f1) == (Kind.UNCLEAR, 10, None)


def test_doubtful_annotations_are_worth_a_look() -> None:
    found = advice(x=LabelFacts(40, F1_070, RISING), suspects=1)
    assert [one.kind for one in found] == [Kind.MORE, Kind.DOUBTS]
    assert found[1].text.startswith("Look at 1 annotation that")


def test_when_all_is_well_it_says_so() -> None:
    [found] = advice(x=LabelFacts(40, F1_095, RISING))
    assert found.kind is Kind.ENOUGH


@given(
    pages=st.integers(0, 1000),
    counts=st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50)),
    law=st.none()
    | st.builds(PowerLaw, st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 2), st.integers(5, 120), st.floats(0, 0.1)),
)
def test_no_advice_is_nonsense(pages: int, counts: tuple[int, int, int], law: PowerLaw | None) -> None:
    right, more_proposed, more_drawn = counts
    facts = LabelFacts(pages, Counts(right, right + more_proposed, right + more_drawn), law)
    for found in advise(max(pages, 1), {"x": facts}, NO_MISTAKES, 0):
        assert 0 <= found.pages <= max(LEAST_PAGES, pages, 2.5 * 120)
        assert found.kind is not Kind.MORE or found.pages >= LEAST_ADVISED
        assert found.f1 is None or 0 <= found.f1 <= 1
        assert found.forecast_f1 is None or (found.f1 or 0) <= found.forecast_f1 <= 1
        assert "nan" not in found.text
        if found.kind is Kind.MORE:
            assert found.f1 is not None
            assert found.f1 < TARGET_F1

"""Field rules on the regions of a document."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.document.field_rule import NO_RULE, FieldRule, Keep, ValueType
from backend.document.geometry import Box
from backend.document.region import Region
from backend.inference.fields import LACKING, apply_rules, task_score, with_value

BOX = Box(0, 0, 10, 10)
FOUND = [
    Region("total", BOX, "1", 0.5),
    Region("item", BOX, "a", 0.5),
    Region("total", BOX, "22", 0.9),
    Region("item", BOX, "b", 0.9),
]
ON_THE_NEXT_PAGE = [Region("total", BOX, "333", 0.7), Region("total", BOX, "444", 0.9)]


def kept(keep: Keep) -> list[list[str]]:
    """The texts that stay of two pages of a document, where the rule is for `total` only."""
    rules = {"total": FieldRule(keep)}
    pages = apply_rules([FOUND, ON_THE_NEXT_PAGE, []], lambda label: rules.get(label, NO_RULE))
    return [[region.text for region in regions] for regions in pages]


def test_of_several_the_rule_says_which_stay_in_the_whole_document() -> None:
    assert kept(Keep.ALL) == [["1", "a", "22", "b"], ["333", "444"], []]
    assert kept(Keep.FIRST) == [["1", "a", "b"], [], []]
    assert kept(Keep.BEST) == [["a", "22", "b"], [], []]  # of two equally sure ones the first
    assert kept(Keep.LONGEST) == [["a", "b"], ["333"], []]


def test_regions_that_are_equal_are_told_apart() -> None:
    twice = [Region("total", BOX, "1", 0.5), Region("total", BOX, "1", 0.5)]
    assert len(apply_rules([twice], lambda label: FieldRule(Keep.FIRST))[0]) == 1


def test_a_region_gets_what_its_text_stands_for() -> None:
    region = Region("total", BOX, "$ 1,234.50", 0.5)
    assert with_value(region, FieldRule(value_type=ValueType.AMOUNT, currency="USD")).value == "1234.50 USD"
    assert with_value(region, NO_RULE) == region


def test_a_document_that_lacks_a_required_field_comes_before_all_that_have_them() -> None:
    required = ("total", "date")
    lacking = task_score(1.0, [FOUND], required)
    complete = task_score(0.0, [FOUND, [Region("date", BOX, "", 0.1)]], required)
    assert lacking < LACKING <= complete
    assert task_score(1.0, [[]], required) < task_score(0.0, [FOUND], required)
    assert task_score(0.2, [[]], required) < task_score(0.3, [[]], required)


SCORES = st.floats(0, 1)


@given(SCORES, st.booleans(), st.booleans())
def test_scores_stay_scores(score: float, has_total: bool, has_date: bool) -> None:
    page = [Region("total", BOX, "", 0.5)] * has_total + [Region("date", BOX, "", 0.5)] * has_date
    found = task_score(score, [page], ("total", "date"))
    assert 0 <= found <= 1
    assert (found < LACKING) == (not (has_total and has_date))
    assert task_score(score, [page], ()) == score

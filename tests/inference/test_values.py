"""What the text of a field stands for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.document.field_rule import NO_RULE, DateOrder, FieldRule, ValueType
from backend.inference.values import MOST_TEXT, normalised

DATE = FieldRule(value_type=ValueType.DATE)
AMOUNT = FieldRule(value_type=ValueType.AMOUNT)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2018-03-12", "2018-03-12"),
        ("25/12/2018 8:13:39 PM", "2018-12-25"),
        ("12/25/2018", "2018-12-25"),
        ("Date: 12 March 2018", "2018-03-12"),
        ("25DEC2018", "2018-12-25"),
        ("12. M\u00e4rz 2018", "2018-03-12"),
        ("Ort, den 4. Mai 2020", "2020-05-04"),
        ("March\n3rd, 2020", "2020-03-03"),
    ],
)
def test_a_date_is_found_in_a_text(text: str, value: str) -> None:
    assert normalised(text, DATE) == value


def test_a_date_that_can_be_read_in_two_ways_has_no_value_until_the_order_is_stated() -> None:
    values = {order: normalised("03/04/2024", replace(DATE, date_order=order)) for order in (None, *DateOrder)}
    assert values == {None: None, DateOrder.DMY: "2024-04-03", DateOrder.MDY: "2024-03-04", DateOrder.YMD: "2024-04-03"}


@pytest.mark.parametrize(
    "text", ["", "2018", "05 May", "yesterday", "12-03-2O18", "total 12", "32/13/2018", "1 " * 200]
)
def test_what_is_no_whole_date_has_no_value(text: str) -> None:
    assert normalised(text, DATE) is None


def test_months_are_read_in_the_stated_languages() -> None:
    finnish = "4. toukokuuta 2020"
    assert normalised(finnish, DATE) is None
    assert normalised(finnish, replace(DATE, languages=("fi",))) == "2020-05-04"
    assert normalised("4 May 2020", replace(DATE, languages=("zz",))) == "2020-05-04"  # no language: the usual ones


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12,50 \u20ac", "12.50 EUR"),
        ("EUR 1.234,56", "1234.56 EUR"),
        ("TOTAL: RM9.00", "9.00 MYR"),
        ("1 234,50 EUR", "1234.50 EUR"),
        ("CHF 1'234.50", "1234.50 CHF"),
        ("$1,234.56", "1234.56 $"),
        ("1,234", "1234"),
        ("-12.50", "-12.50"),
        ("(12.50)", "-12.50"),
        ("12.50-", "-12.50"),
        ("-$ 5.00", "-5.00 $"),
        ("No 2018-5", "2018"),
        ("none", None),
        ("", None),
        ("9" * (MOST_TEXT + 1), None),
    ],
)
def test_an_amount_is_a_decimal_with_its_currency(text: str, value: str | None) -> None:
    assert normalised(text, AMOUNT) == value


def test_a_stated_currency_is_that_of_amounts_which_do_not_tell() -> None:
    euro = replace(AMOUNT, currency="EUR")
    assert normalised("12.50", euro) == "12.50 EUR"
    assert normalised("\u00a312.50", euro) == "12.50 GBP"
    assert normalised("$12.50", replace(AMOUNT, currency="AUD")) == "12.50 AUD"


def test_a_stated_sign_before_the_decimals_decides() -> None:
    assert normalised("1.234", replace(AMOUNT, decimal=".")) == "1.234"
    assert normalised("1.234", replace(AMOUNT, decimal=",")) == "1234"


def test_a_number_has_no_currency() -> None:
    assert normalised("12,50 kg", FieldRule(value_type=ValueType.NUMBER)) == "12.50"


def test_a_plain_text_is_one_line_in_usual_characters() -> None:
    assert normalised(" \ufb01ne\n print ", FieldRule(value_type=ValueType.TEXT)) == "fine print"


def test_nothing_is_made_of_a_text_that_nobody_wants_normalised() -> None:
    assert normalised("2018-03-12", NO_RULE) is None


@given(
    st.dates(date(1970, 1, 1), date(2068, 12, 31)), st.sampled_from(["%d %B %Y", "%Y-%m-%d", "%d.%m.%Y", "%d %b %Y"])
)
def test_dates_as_they_are_written_come_back(day: date, form: str) -> None:
    assert normalised(day.strftime(form), replace(DATE, date_order=DateOrder.DMY)) == day.isoformat()


@given(st.decimals(0, 10**9, places=2))
def test_amounts_as_they_are_written_come_back(amount: Decimal) -> None:
    assert normalised(f"EUR {amount:,.2f}", AMOUNT) == f"{amount:.2f} EUR"


@given(st.text(max_size=40), st.sampled_from(list(ValueType)))
def test_no_text_is_a_fault(text: str, kind: ValueType) -> None:
    found = normalised(text, FieldRule(value_type=kind))
    assert found is None or found.strip()

"""What the text of a field stands for: dates as ISO 8601, amounts as a decimal with its currency, numbers, plain text.

A date that can be read in two ways has no value until the project says which order is meant. An amount is read as price
lists are: "1.234" and "1,234" are thousands, unless the project states the sign before the decimals.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import lru_cache
from threading import Lock

from dateparser.data.languages_info import language_locale_dict
from dateparser.date import DateDataParser
from price_parser import Price

from backend.document.field_rule import DateOrder, FieldRule, ValueType

LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt")
"""Of the names of months, where the project states none. With every language it takes seconds to find no date."""
MOST_WORDS = 12
"""Of a text in which a date is looked for."""
MOST_DATE_WORDS = 6
MOST_TEXT = 200
"""Characters of a text that is taken for a date, an amount or a number; what is longer is none."""
CURRENCIES = {
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "₩": "KRW",
    "₽": "RUB",
    "₺": "TRY",
    "₪": "ILS",
    "฿": "THB",
    "zł": "PLN",
    "Kč": "CZK",
    "RM": "MYR",
    "R$": "BRL",
    "US$": "USD",
}
"""Signs that stand for one currency only; the dollar sign, for one, does not."""

_ISO_4217 = re.compile(r"[A-Z]{3}")
_MINUS = re.compile(r"(?<!\w)[-\u2212\u2013]\s*[^\s\w.,]?\s*\d|\d\s*[-\u2212]$|^\(.*\d.*\)$")
_DATES = Lock()
"""dateparser keeps what it loads of a language in plain dictionaries."""


@lru_cache(maxsize=4096)
def normalised(text: str, rule: FieldRule) -> str | None:
    """What a text stands for by the rule of its field; None where the rule asks for none, or it is none of the kind."""
    plain = " ".join(unicodedata.normalize("NFKC", text).split())
    if rule.value_type is None or not plain:
        return None
    if rule.value_type is ValueType.TEXT:
        return plain
    if len(plain) > MOST_TEXT or not any(character.isdigit() for character in plain):
        return None
    if rule.value_type is ValueType.DATE:
        found = _date(plain, rule)
        return found.isoformat() if found else None
    return _amount(plain, rule)


def _date(text: str, rule: FieldRule) -> date | None:
    """The date that stands in a text."""
    orders = (rule.date_order,) if rule.date_order else (DateOrder.DMY, DateOrder.MDY, DateOrder.YMD)
    languages = tuple(language for language in rule.languages if language in language_locale_dict) or LANGUAGES
    with _DATES:
        for part in _parts(text):
            readings = {_read_date(part, order, languages) for order in orders}
            if readings != {None}:
                return readings.pop() if len(readings) == 1 else None
    return None


def _parts(text: str) -> Iterator[str]:
    """The text itself, then the runs of its words that have a digit, the longest first."""
    yield text
    words = text.split()[:MOST_WORDS]
    for count in range(min(MOST_DATE_WORDS, len(words)), 0, -1):
        for first in range(len(words) - count + 1):
            part = " ".join(words[first : first + count]).strip(".,:;()")
            if any(character.isdigit() for character in part):
                yield part


def _read_date(text: str, order: DateOrder, languages: tuple[str, ...]) -> date | None:
    moment = _parser(order, languages).get_date_data(text).date_obj
    return moment.date() if moment else None


@lru_cache(maxsize=64)
def _parser(order: DateOrder, languages: tuple[str, ...]) -> DateDataParser:
    settings = {
        "DATE_ORDER": order.value,
        "PREFER_LOCALE_DATE_ORDER": False,
        "STRICT_PARSING": True,  # no part of a date is made up
        "REQUIRE_PARTS": ["day", "month", "year"],
        "PARSERS": ["absolute-time"],  # neither "yesterday" nor seconds since 1970
    }
    return DateDataParser(languages=list(languages), settings=settings)


def _amount(text: str, rule: FieldRule) -> str | None:
    """An amount, or a number without a currency; with a minus where the text has one before, behind or by brackets."""
    price = Price.fromstring(text, decimal_separator=rule.decimal)
    if price.amount is None:
        return None
    amount = -abs(price.amount) if _MINUS.search(text) else Decimal(price.amount)
    if rule.value_type is ValueType.NUMBER:
        return f"{amount:f}"
    currency = _currency(price.currency or "", rule.currency)
    return f"{amount:f} {currency}".rstrip()


def _currency(sign: str, stated: str) -> str:
    """The code of a currency; the sign itself where several have it and the project states none."""
    if _ISO_4217.fullmatch(sign):
        return sign
    return CURRENCIES.get(sign) or stated or sign

"""What a project states of the field that a label stands for: how many there are, whether it must be, what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Keep(StrEnum):
    """Which of several regions of a label are proposed."""

    ALL = "all"
    FIRST = "first"
    BEST = "best"
    LONGEST = "longest"


class ValueType(StrEnum):
    """What the text of a field is."""

    DATE = "date"
    AMOUNT = "amount"
    NUMBER = "number"
    TEXT = "text"


class DateOrder(StrEnum):
    """The order in which a date of three numbers is written: year, month, day."""

    DMY = "DMY"
    MDY = "MDY"
    YMD = "YMD"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """The rule of one field; the default asks nothing.

    Attributes:
        required: a document without the field is to be looked at first.
        value_type: what its text is normalised to; None leaves it as it was read.
        date_order: of dates such as 03/04/2024; None where nobody said.
        languages: two-letter codes of the languages that months are written in; empty for any.
        decimal: the sign before the decimals, "." or ","; None where nobody said.
        currency: ISO 4217 code for amounts that name none; empty where nobody said.
    """

    keep: Keep = Keep.ALL
    required: bool = False
    value_type: ValueType | None = None
    date_order: DateOrder | None = None
    languages: tuple[str, ...] = ()
    decimal: str | None = None
    currency: str = ""


NO_RULE = FieldRule()

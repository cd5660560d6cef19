"""Field rules from the attributes of Label tags.

    <Label value="Total" keep="best" required="true" value_type="amount" currency="EUR" decimal=","/>

An attribute of the tag around the labels holds for each label that does not state its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from xml.etree.ElementTree import Element

from backend.document.field_rule import DateOrder, FieldRule, Keep, ValueType
from backend.errors import ConfigError

_CURRENCY = re.compile(r"[A-Z]{3}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


def field_rule(label: Element, control: Element) -> FieldRule:
    """The rule that a Label tag states, with what the tag around it states for all.

    Raises:
        ConfigError: `config_field_rule` an attribute with a value that it cannot have.
    """
    tags = (label, control)
    keep = _choice(tags, "keep", Keep)
    return FieldRule(
        keep=Keep(keep) if keep else Keep.ALL,
        # Only of the label itself: `required` on a control is Label Studio's own, for the control as a whole.
        required=_choice((label,), "required", ("true", "false")) == "true",
        value_type=ValueType(found) if (found := _choice(tags, "value_type", ValueType)) else None,
        date_order=DateOrder(order) if (order := _choice(tags, "date_order", DateOrder)) else None,
        languages=_languages(tags),
        decimal=_choice(tags, "decimal", (".", ",")),
        currency=_matching(tags, "currency", _CURRENCY, "a code of three capitals, such as EUR") or "",
    )


def _stated(tags: Sequence[Element], attribute: str) -> tuple[str, Element] | None:
    """What the first tag that has the attribute states."""
    for tag in tags:
        text = tag.get(attribute)
        if text is not None:
            return text.strip(), tag
    return None


def _choice(tags: Sequence[Element], attribute: str, choices: type[StrEnum] | Sequence[str]) -> str | None:
    stated = _stated(tags, attribute)
    if stated is None:
        return None
    text, tag = stated
    for choice in choices:
        if text.lower() == choice.lower():
            return str(choice)
    raise _refused(attribute, text, tag, f"one of {', '.join(choices)}")


def _matching(tags: Sequence[Element], attribute: str, form: re.Pattern[str], told: str) -> str | None:
    stated = _stated(tags, attribute)
    if stated is None:
        return None
    text, tag = stated
    if not form.fullmatch(text):
        raise _refused(attribute, text, tag, told)
    return text


def _languages(tags: Sequence[Element]) -> tuple[str, ...]:
    stated = _stated(tags, "languages")
    if stated is None:
        return ()
    text, tag = stated
    languages = tuple(part.strip() for part in text.split(","))
    if not all(_LANGUAGE.fullmatch(language) for language in languages):
        raise _refused("languages", text, tag, "codes such as en,de")
    return languages


def _refused(attribute: str, text: str, tag: Element, told: str) -> ConfigError:
    called = tag.get("alias") or tag.get("value") or tag.get("name", "")
    return ConfigError(
        "config_field_rule",
        f'{attribute}="{text[:40]}" of the {tag.tag} tag "{called}" cannot be',
        f"write {told}, or leave it out",
    )

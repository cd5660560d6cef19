"""Field rules from the attributes of Label tags."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

import pytest

from backend.document.field_rule import NO_RULE, DateOrder, FieldRule, Keep, ValueType
from backend.errors import ConfigError
from backend.label_studio.config import parse_labeling_config


def rules(labels: str, control: str = "") -> list[FieldRule]:
    config = parse_labeling_config(
        f'<View><RectangleLabels name="l" toName="i" {control}>{labels}</RectangleLabels>'
        '<Image name="i" value="$image"/></View>'
    )
    return [label.rule for label in config.labels]


def test_a_label_states_its_rule() -> None:
    text = (
        '<Label value="a" keep="longest" required="true" value_type="date" date_order="dmy" languages="de, en"/>'
        '<Label value="b" keep="best" value_type="amount" currency="EUR" decimal=","/><Label value="c"/>'
    )
    dated, amount, none = rules(text)
    order = DateOrder.DMY
    assert dated == FieldRule(Keep.LONGEST, True, ValueType.DATE, date_order=order, languages=("de", "en"))
    assert amount == FieldRule(Keep.BEST, value_type=ValueType.AMOUNT, currency="EUR", decimal=",")
    assert none == NO_RULE


def test_what_the_control_states_holds_for_labels_that_state_nothing() -> None:
    control = 'keep="first" value_type="text" required="true"'
    of_control, own = rules('<Label value="a"/><Label value="b" keep="all" value_type="number"/>', control)
    assert of_control == FieldRule(Keep.FIRST, value_type=ValueType.TEXT)  # `required` of a control is Label Studio's
    assert own == FieldRule(Keep.ALL, value_type=ValueType.NUMBER)


def test_a_configuration_knows_its_required_labels() -> None:
    config = parse_labeling_config(
        '<View><RectangleLabels name="l" toName="i"><Label value="Total" alias="total" required="true"/>'
        '<Label value="b" required="false"/></RectangleLabels><Image name="i" value="$image"/></View>'
    )
    assert config.required == ("total",)
    assert config.rule_of("total").required
    assert config.rule_of("unknown") == NO_RULE


@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        ("keep", "last"),
        ("keep", ""),
        ("required", "yes"),
        ("value_type", "money"),
        ("date_order", "DYM"),
        ("languages", "English"),
        ("languages", ""),
        ("decimal", "comma"),
        ("currency", "euro"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_tag(attribute: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rules(f'<Label value="A" alias="a" {attribute}={quoteattr(text)}/>')
    assert caught.value.code == "config_field_rule"
    assert caught.value.message == f'{attribute}="{text}" of the Label tag "a" cannot be'
    assert caught.value.hint.startswith("write ")

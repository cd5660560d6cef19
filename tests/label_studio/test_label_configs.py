"""The labeling configurations that come with the product are served by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.label_studio.config import parse_labeling_config

FOLDER = Path(__file__).parents[2] / "label_configs"


@pytest.mark.parametrize(
    ("name", "labels", "has_text"),
    [
        ("forms", ("header", "question", "answer"), False),
        ("receipts", ("company", "date", "address", "total"), True),
    ],
)
def test_a_configuration_has_its_labels(name: str, labels: tuple[str, ...], has_text: bool) -> None:
    config = parse_labeling_config((FOLDER / f"{name}.xml").read_text(encoding="utf-8"))
    assert config.label_set.names == labels
    assert (config.text_control is not None) == has_text
    assert (config.value_key, config.smart, config.warnings) == ("image", True, ())


def test_every_label_of_the_invoice_has_an_alias_and_other_names() -> None:
    config = parse_labeling_config((FOLDER / "invoice.xml").read_text(encoding="utf-8"))
    assert len(config.labels) >= 10
    for label in config.labels:
        assert label.name != label.value
        assert label.predicted_values
        assert config.name_of(label.value) == label.name


def test_no_configuration_is_left_untested() -> None:
    steering = {"forms_german", "photographs", "two_controls"}  # tests of their own: test_steering_configs
    assert {path.stem for path in FOLDER.iterdir()} - steering == {
        "forms",
        "receipts",
        "invoice",
        "pages",
        "receipts_ocr_template",
        "receipt_fields",
    }


def test_the_configuration_for_several_pages_asks_for_a_list() -> None:
    config = parse_labeling_config((FOLDER / "pages.xml").read_text(encoding="utf-8"))
    assert (config.value_key, config.multi_page, config.warnings) == ("pages", True, ())


def test_the_ocr_template_for_receipts_has_the_labels_of_the_other_form() -> None:
    template, boxes = (
        parse_labeling_config((FOLDER / f"{name}.xml").read_text(encoding="utf-8"))
        for name in ("receipts_ocr_template", "receipts")
    )
    assert (template.control, template.shape_control, template.label_type) == ("label", "box", "labels")
    assert (template.label_set, template.text_control) == (boxes.label_set, boxes.text_control)
    assert (template.smart, template.warnings) == (True, ())


def test_the_field_rules_for_receipts_are_understood() -> None:
    config = parse_labeling_config((FOLDER / "receipt_fields.xml").read_text(encoding="utf-8"))
    assert config.required == ("date", "total")
    assert [config.rule_of(name).keep for name in config.label_set.names] == ["first", "best", "longest", "best"]
    assert [config.rule_of(name).value_type for name in config.label_set.names] == [None, "date", "text", "amount"]
    assert (config.rule_of("total").currency, config.rule_of("date").date_order) == ("MYR", "DMY")
    assert (config.smart, config.warnings) == (True, ())

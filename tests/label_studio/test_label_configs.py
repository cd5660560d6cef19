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
    assert {path.stem for path in FOLDER.iterdir()} == {"forms", "receipts", "invoice"}

"""The labeling configurations that show how a project steers this backend do what docs/STEERING.md says of them."""

from __future__ import annotations

from pathlib import Path

from backend.document.ocr_choice import OcrChoice
from backend.label_studio.config import LabelingConfig, parse_labeling_config
from backend.label_studio.extra_params import ocr_choice
from tests.label_studio.test_label_configs import FOLDER

SETTINGS = OcrChoice("auto", "eng")
STEERING = Path(__file__).parents[2] / "docs" / "STEERING.md"


def config(name: str) -> LabelingConfig:
    return parse_labeling_config((FOLDER / f"{name}.xml").read_text(encoding="utf-8"))


def test_german_forms_are_read_in_german_by_tesseract() -> None:
    assert ocr_choice(config("forms_german"), SETTINGS) == OcrChoice("tesseract", "deu+eng")


def test_photographs_are_read_by_rapidocr_and_only_sure_boxes_are_proposed() -> None:
    found = config("photographs")
    assert ocr_choice(found, SETTINGS) == OcrChoice("rapidocr", "eng")
    assert [found.threshold_of(name) for name in found.label_set.names] == [0.6, 0.3, 0.6]


def test_the_control_that_is_skipped_is_left_alone() -> None:
    found = config("two_controls")
    assert found.control == "fields"
    assert found.label_set.names == ("invoice_number", "total_amount")
    assert found.predicted_name("AMOUNT_DUE") == "total_amount"
    assert ocr_choice(found, SETTINGS) == SETTINGS


def test_every_one_of_them_is_in_the_document() -> None:
    text = STEERING.read_text(encoding="utf-8")
    assert all(f"label_configs/{name}.xml" in text for name in ("forms_german", "photographs", "two_controls"))

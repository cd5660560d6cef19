"""What steers a project: attributes of its tags, then its extra params, then the settings."""

from __future__ import annotations

import json

import pytest

from backend.document.ocr_choice import OcrChoice
from backend.errors import ConfigError
from backend.label_studio.config import parse_labeling_config
from backend.label_studio.extra_params import ExtraParams, ocr_choice, parse_extra_params, steered

SETTINGS = OcrChoice("auto", "eng")


def config_xml(image: str = "", control: str = "", label: str = "") -> str:
    return f"""<View><RectangleLabels name="label" toName="image" {control}>
      <Label value="total" {label}/><Label value="date"/></RectangleLabels>
      <Image name="image" value="$image" {image}/></View>"""


@pytest.mark.parametrize("sent", [None, "", "  ", {}, "{}", "null"])
def test_nothing_says_nothing(sent: object) -> None:
    assert parse_extra_params(sent) == ExtraParams()
    assert ExtraParams().to_json() == {}


def test_an_object_and_the_text_of_a_form_say_the_same() -> None:
    stated = {"ocr_languages": "deu+eng", "ocr_engine": "tesseract", "score_threshold": 0.5}
    found = parse_extra_params(stated)
    assert found == parse_extra_params(json.dumps(stated)) == ExtraParams("tesseract", "deu+eng", 0.5)
    assert found.to_json() == stated
    assert parse_extra_params(found.to_json()) == found


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ("ocr_languages=deu", "ocr_languages=deu"),
        ([1], "list"),
        ("[1]", "list"),
        ({"ocr_language": "deu"}, "'ocr_languages' is meant"),
        ({"ocr_languages": ["deu"]}, 'ocr_languages=["deu"]'),
        ({"ocr_languages": "deu eng"}, 'ocr_languages="deu eng"'),
        ({"ocr_languages": "-c/x"}, 'ocr_languages="-c/x"'),
        ({"ocr_engine": "os:system"}, 'ocr_engine="os:system"'),
        ({"score_threshold": 2}, "score_threshold=2"),
        ({"score_threshold": True}, "score_threshold=true"),
        ({"score_threshold": "0.5"}, 'score_threshold="0.5"'),
    ],
)
def test_what_cannot_be_used_is_refused_by_key_and_value(sent: object, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_extra_params(sent)
    assert words in caught.value.message
    assert caught.value.hint


def test_keys_of_another_program_are_told_of_only() -> None:
    assert parse_extra_params({"any": "thing"}).unknown == ("any",)


def test_the_image_goes_before_the_control_and_both_before_extra_params_and_settings() -> None:
    extra = parse_extra_params({"ocr_languages": "fra", "ocr_engine": "rapidocr"})
    both = parse_labeling_config(config_xml(image='ocr_languages="deu"', control='ocr_languages="ita"'))
    of_control = parse_labeling_config(config_xml(control='ocr_languages="ita" ocr_engine="tesseract"'))
    neither = parse_labeling_config(config_xml())
    assert ocr_choice(steered(both, extra), SETTINGS) == OcrChoice("rapidocr", "deu")
    assert ocr_choice(steered(of_control, extra), SETTINGS) == OcrChoice("tesseract", "ita")
    assert ocr_choice(steered(neither, extra), SETTINGS) == OcrChoice("rapidocr", "fra")
    assert ocr_choice(steered(neither, ExtraParams()), SETTINGS) == SETTINGS


def test_a_threshold_of_the_tags_goes_before_that_of_the_extra_params() -> None:
    config = steered(parse_labeling_config(config_xml(label='score_threshold="0.2"')), ExtraParams(score_threshold=0.9))
    assert (config.threshold_of("total"), config.threshold_of("date")) == (0.2, 0.9)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ('ocr_languages="deu, eng"', 'ocr_languages="deu, eng" of the Image tag "image"'),
        ('ocr_engine="package.module:Engine"', 'ocr_engine="package.module:Engine" of the Image tag "image"'),
    ],
)
def test_an_attribute_that_cannot_be_used_names_its_tag(image: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_labeling_config(config_xml(image=image))
    assert caught.value.code == "config_ocr"
    assert words in caught.value.message

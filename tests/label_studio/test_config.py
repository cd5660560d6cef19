"""Labeling configurations: what is served, what is refused and how (rows CF01 to CF13)."""

from __future__ import annotations

import time
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.document.geometry import Box
from backend.document.label_set import LabelSet
from backend.document.region import Region
from backend.errors import ConfigError
from backend.label_studio.config import ConfigLabel, LabelingConfig, parse_labeling_config
from backend.label_studio.results import regions_to_results
from tests.pages.loopback import Listener, reply

FORMS = """<View>
  <RectangleLabels name="label" toName="image" smart="true">
    <Label value="header" predicted_values="B-HEADER, I-HEADER"/>
    <Label value="question" alias="q" background="red" hotkey="2"/>
  </RectangleLabels>
  <TextArea name="transcription" toName="image" perRegion="true" editable="true"/>
  <Image name="image" value="$image"/>
</View>"""

# Characters that XML can hold; a label keeps every one of them.
XML_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn"), include_characters="\n\t"), min_size=1)


def config_of(labels: str = "", *, control: str = 'name="label" toName="image"', image: str = 'value="$image"') -> str:
    return f'<View><RectangleLabels {control}>{labels}</RectangleLabels><Image name="image" {image}/></View>'


def refusal(xml: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_labeling_config(xml)
    assert caught.value.http_status == 400
    return caught.value


def test_control_image_labels_and_text_control_are_found() -> None:
    config = parse_labeling_config(FORMS)
    assert config == LabelingConfig(
        control="label",
        image="image",
        value_key="image",
        labels=(ConfigLabel("header", "header", ("B-HEADER", "I-HEADER")), ConfigLabel("q", "question")),
        text_control="transcription",
        smart=True,
    )
    assert config.label_set == LabelSet(("header", "q"))


def test_CF01_broken_xml_is_refused_with_its_line() -> None:
    error = refusal("<View>\n  <Image name='a'>\n</View>")
    assert error.code == "config_xml"
    assert "line 3" in error.message


@pytest.mark.parametrize("xml", ["", "   ", "no xml", "<View/>\x00", "<View a='\ud800'/>"])
def test_CF01_text_that_is_no_xml_is_refused(xml: str) -> None:
    assert refusal(xml).code == "config_xml"


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE v [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE v [<!ENTITY a "&#38;b;"><!ENTITY b "&#38;a;">]>',
        '<!DOCTYPE v [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE v [<!ENTITY a SYSTEM "LISTENER/entity">]>',
        '<!DOCTYPE v [<!ENTITY % a SYSTEM "LISTENER/parameter"> %a;]>',
        '<!DOCTYPE v SYSTEM "LISTENER/x.dtd">',
        "<!DOCTYPE v []>",
    ],
)
def test_CF02_a_dtd_is_refused_at_once_with_its_line_and_nothing_is_fetched(doctype: str) -> None:
    with Listener(lambda asked: reply(b"fetched")) as listener:
        xml = "\n" + doctype.replace("LISTENER", listener.url) + "<View>&a;</View>"
        refusal(xml)
        started = time.perf_counter()
        error = refusal(xml)
        assert time.perf_counter() - started < 0.05
        assert (error.code, "line 2" in error.message) == ("config_xml", True)
        assert listener.connections == 0


@pytest.mark.parametrize("xml", ["<View/>", "<View></View>", "<View><Header value='x'/></View>"])
def test_CF03_a_project_that_is_not_set_up_has_no_labels(xml: str) -> None:
    config = parse_labeling_config(xml)
    assert (config.control, config.labels, config.label_set.names) == ("", (), ())
    assert config.warnings


def test_CF04_labels_without_an_image_are_refused() -> None:
    xml = FORMS.replace('<Image name="image" value="$image"/>', "")
    assert (refusal(xml).code, refusal(xml).message) == (
        "config_unsupported",
        "No Image tag in the labeling configuration",
    )


def test_CF04_an_image_without_rectangle_labels_is_refused() -> None:
    error = refusal(
        '<View><Image name="i" value="$i"/><Choices name="c" toName="i"><Choice value="x"/></Choices></View>'
    )
    assert error.code == "config_unsupported"
    assert "No RectangleLabels control" in error.message


def test_CF04_a_control_of_something_else_than_an_image_is_refused() -> None:
    assert refusal(config_of(control='name="label" toName="text"')).code == "config_unsupported"


def test_CF05_a_control_without_labels_is_served_with_a_warning() -> None:
    config = parse_labeling_config(config_of())
    assert (config.control, config.labels) == ("label", ())
    assert config.warnings


def test_CF06_the_image_is_the_one_that_the_control_names() -> None:
    xml = """<View><Image name="front" value="$front"/><Image name="back" value="$back"/>
      <RectangleLabels name="r" toName="back"><Label value="x"/></RectangleLabels></View>"""
    config = parse_labeling_config(xml)
    assert (config.image, config.value_key) == ("back", "back")
    assert any("back" in warning for warning in config.warnings)


def test_CF06_of_several_candidates_the_first_one_counts_or_the_one_that_the_operator_leaves() -> None:
    xml = """<View><Image name="front" value="$front"/><Image name="back" value="$back"/>
      <RectangleLabels name="one" toName="front"><Label value="x"/></RectangleLabels>
      <RectangleLabels name="two" toName="back"><Label value="y"/></RectangleLabels></View>"""
    first = parse_labeling_config(xml)
    assert (first.control, first.image, first.value_key) == ("one", "front", "front")
    assert first.warnings == ("several RectangleLabels tags; used: one", "several Image tags; used: front")
    chosen = parse_labeling_config(xml.replace('name="one"', 'name="one" model_skip="true"'))
    assert (chosen.control, chosen.image, chosen.value_key) == ("two", "back", "back")
    assert chosen.warnings == ("several RectangleLabels tags; used: two", "several Image tags; used: back")
    both = parse_labeling_config(xml.replace('toName="front"', 'toName="back,front"'))
    assert (both.control, both.image) == ("one", "back")


def test_CF07_the_first_control_over_an_image_is_used() -> None:
    xml = """<View><Image name="image" value="$image"/><Audio name="sound" value="$sound"/>
      <RectangleLabels name="odd" toName="sound"><Label value="x"/></RectangleLabels>
      <RectangleLabels name="first" toName="image"><Label value="a"/></RectangleLabels>
      <RectangleLabels name="second" toName="image"><Label value="b"/></RectangleLabels></View>"""
    config = parse_labeling_config(xml)
    assert (config.control, config.label_set.names) == ("first", ("a",))
    assert any("first" in warning for warning in config.warnings)
    region = Region("a", Box(0, 0, 50, 50), "", 0.9)
    (result,) = regions_to_results([region], page_size=(100, 100), config=config, item_index=0)
    assert (result["from_name"], result["to_name"]) == ("first", "image")
    second = parse_labeling_config(xml.replace('name="first"', 'name="first" model_skip="true"'))
    assert (second.control, second.label_set.names) == ("second", ("b",))


@given(st.lists(XML_TEXT, min_size=1, max_size=5, unique=True))
def test_CF08_label_names_survive_byte_for_byte(names: list[str]) -> None:
    escaped = (quoteattr(name, {"\n": "&#10;", "\t": "&#9;"}) for name in names)
    config = parse_labeling_config(config_of("".join(f"<Label value={name}/>" for name in escaped)))
    assert list(config.label_set.names) == names
    assert [config.name_of(name) for name in names] == names


def test_CF09_alias_is_the_name_and_value_is_understood() -> None:
    config = parse_labeling_config(FORMS)
    assert (config.name_of("q"), config.name_of("question"), config.name_of("Question")) == ("q", "q", None)


def test_CF09_a_text_that_is_one_labels_alias_and_anothers_value_means_the_alias() -> None:
    config = parse_labeling_config(config_of('<Label value="a" alias="b"/><Label value="b" alias="c"/>'))
    assert [config.name_of(text) for text in "abc"] == ["b", "b", "c"]


def test_two_labels_of_one_name_are_one_label() -> None:
    config = parse_labeling_config(config_of('<Label value="a"/><Label value="a"/><Label/>'))
    assert config.label_set.names == ("a",)
    assert len(config.warnings) == 2


@pytest.mark.parametrize(
    ("image", "key", "multi_page"),
    [
        ('value="$image"', "image", False),
        ('value="$data.image"', "data.image", False),
        ('value="$images[0]"', "images[0]", False),
        ('valueList="$pages"', "pages", True),
        ('value="$one" valueList="$pages"', "pages", True),
    ],
)
def test_CF11_the_image_names_a_place_in_the_data(image: str, key: str, multi_page: bool) -> None:
    config = parse_labeling_config(config_of(image=image))
    assert (config.value_key, config.multi_page) == (key, multi_page)


@pytest.mark.parametrize(
    "image", ["", 'value=""', 'value="$"', 'value="https://x.test/a.png"', 'value="/data/$image"', 'value="$a$b"']
)
def test_CF11_an_image_that_names_no_place_is_refused(image: str) -> None:
    assert refusal(config_of(image=image)).code == "config_value"


def test_CF13_five_thousand_labels_are_read_quickly() -> None:
    started = time.perf_counter()
    config = parse_labeling_config(config_of("".join(f'<Label value="label {n}"/>' for n in range(5000))))
    assert config.name_of("label 4999") == "label 4999"
    assert time.perf_counter() - started < 1


def test_deep_nesting_does_no_harm() -> None:
    assert parse_labeling_config("<View>" * 20_000 + "</View>" * 20_000).labels == ()


def test_a_text_area_of_the_whole_page_or_of_another_image_is_no_text_control() -> None:
    whole = FORMS.replace('perRegion="true"', "")
    other = FORMS.replace('name="transcription" toName="image"', 'name="transcription" toName="other"')
    assert [parse_labeling_config(xml).text_control for xml in (whole, other)] == [None, None]


def test_a_label_states_its_own_threshold_before_that_of_all() -> None:
    labels = '<Label value="a" score_threshold="0"/><Label value="b" alias="B" score_threshold="1"/><Label value="c"/>'
    config = parse_labeling_config(config_of(labels, control='name="l" toName="image" score_threshold="0.25"'))
    assert [label.score_threshold for label in config.labels] == [0.0, 1.0, 0.25]
    assert [config.threshold_of(name) for name in ("a", "B", "c", "b")] == [0.0, 1.0, 0.25, None]
    assert parse_labeling_config(config_of('<Label value="a"/>')).threshold_of("a") is None


def test_a_threshold_may_be_spelt_as_in_label_studios_own_backends() -> None:
    labels = '<Label value="a"/><Label value="b" score_threshold="0.5" model_score_threshold="0.9"/>'
    config = parse_labeling_config(config_of(labels, control='name="l" toName="image" model_score_threshold="0.4"'))
    assert [label.score_threshold for label in config.labels] == [0.4, 0.5]


@pytest.mark.parametrize("text", ["", "high", "-0.1", "1.01", "nan", "inf", "0,5", "30%"])
def test_a_threshold_that_is_none_is_refused_with_its_tag_and_value(text: str) -> None:
    error = refusal(config_of(f'<Label value="a"/><Label value="b" alias="B" score_threshold={quoteattr(text)}/>'))
    assert error.code == "config_score_threshold"
    assert error.message == f'score_threshold="{text}" of the Label tag "B" is no number from 0 to 1'
    assert "0.3" in error.hint
    control = f'name="boxes" toName="image" model_score_threshold={quoteattr(text)}'
    error = refusal(config_of('<Label value="a"/>', control=control))
    assert error.message.startswith(f'model_score_threshold="{text}" of the RectangleLabels tag "boxes"')


def test_the_ocr_template_is_served() -> None:
    config = parse_labeling_config(
        """<View><Image name="image" value="$ocr"/>
        <Labels name="label" toName="image"><Label value="Text"/><Label value="Handwriting"/></Labels>
        <Rectangle name="bbox" toName="image" strokeWidth="3"/><Polygon name="poly" toName="image" strokeWidth="3"/>
        <TextArea name="transcription" toName="image" editable="true" perRegion="true" required="true"/></View>"""
    )
    assert (config.control, config.shape_control, config.text_control) == ("label", "bbox", "transcription")
    assert (config.label_type, config.label_set.names) == ("labels", ("Text", "Handwriting"))
    assert (config.value_key, config.warnings) == ("ocr", ())


def test_the_ocr_template_is_served_on_the_image_that_boxes_are_drawn_on() -> None:
    config = parse_labeling_config(
        '<View><Labels name="l" toName="front,back"><Label value="a"/></Labels><Rectangle name="r" toName="back"/>'
        '<Image name="front" value="$front"/><Image name="back" value="$back"/></View>'
    )
    assert (config.image, config.shape_control) == ("back", "r")


def test_rectangle_labels_go_before_the_ocr_template() -> None:
    config = parse_labeling_config(
        '<View><Labels name="l" toName="i"><Label value="a"/></Labels><Rectangle name="r" toName="i"/>'
        '<RectangleLabels name="b" toName="i"><Label value="c"/></RectangleLabels>'
        '<Image name="i" value="$image"/></View>'
    )
    assert (config.control, config.shape_control, config.label_type) == ("b", "", "rectanglelabels")


@pytest.mark.parametrize(
    "controls",
    [
        '<Labels name="l" toName="i"><Label value="a"/></Labels>',
        '<Labels name="l" toName="i"><Label value="a"/></Labels><Polygon name="p" toName="i"/>',
        '<Labels name="l" toName="t"><Label value="a"/></Labels><Rectangle name="r" toName="i"/>',
        '<Labels name="l" toName="i" model_skip="true"><Label value="a"/></Labels><Rectangle name="r" toName="i"/>',
        '<Rectangle name="r" toName="i"/>',
    ],
)
def test_labels_without_a_rectangle_beside_them_are_not_served(controls: str) -> None:
    error = refusal(f'<View>{controls}<Image name="i" value="$image"/></View>')
    assert error.code == "config_unsupported"
    assert "Labels with a Rectangle" in error.hint

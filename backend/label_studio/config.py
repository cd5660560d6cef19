"""What a labeling configuration (the XML of a Label Studio project) asks this backend to do."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

from backend.document.field_rule import NO_RULE, FieldRule
from backend.document.label_set import LabelSet
from backend.errors import ConfigError
from backend.label_studio.field_rules import field_rule
from backend.label_studio.ocr_attributes import ENGINE, LANGUAGES, ocr_attribute

# `$key`, `$data.key` or `$keys[0]`: one place in the task's data, and nothing around it.
_DATA_REFERENCE = re.compile(r"\$([^$]+)")
SCORE_THRESHOLDS = ("score_threshold", "model_score_threshold")
"""Attributes that state the least score of a proposed region; the second is what Label Studio's YOLO backend reads."""

SHAPE = "Rectangle"
"""Tag of the OCR template that boxes are drawn with; their labels stand in a Labels tag beside it."""

SKIP = "model_skip"
"""Attribute of a RectangleLabels that this backend is to leave alone; Label Studio's YOLO backend has it too."""


@dataclass(frozen=True, slots=True)
class ConfigLabel:
    """One label of the control.

    Attributes:
        name: as it stands in annotations and results: the alias if there is one, else the value.
        value: as the annotator sees it.
        predicted_values: other names a model may know the label by.
        score_threshold: least score, 0 to 1, with which a region is proposed; None where the configuration says none.
        rule: what the project states of the field.
    """

    name: str
    value: str
    predicted_values: tuple[str, ...] = ()
    score_threshold: float | None = None
    rule: FieldRule = NO_RULE


@dataclass(frozen=True)
class LabelingConfig:
    """The part of a labeling configuration that this backend serves.

    Attributes:
        control: name of the RectangleLabels tag (`from_name`), in the OCR template of the Labels tag; empty for a
            project that is not set up yet.
        image: name of the Image tag (`to_name`).
        value_key: key, or path, of the image in the task's data, without the dollar sign.
        multi_page: the key holds a list of pages (`valueList`).
        labels: in document order; empty while nobody has defined any.
        text_control: name of the per-region TextArea of the same image, if there is one.
        smart: a tag of this image has a smart tool.
        shape_control: name of the Rectangle tag of the OCR template; empty with RectangleLabels.
        ocr_engine: that reads the pages, as the Image or else the control states it; empty where neither does.
        ocr_languages: the same for its languages, joined by `+`.
        warnings: what the operator should know, one sentence each.
    """

    control: str = ""
    image: str = ""
    value_key: str = ""
    multi_page: bool = False
    labels: tuple[ConfigLabel, ...] = ()
    text_control: str | None = None
    smart: bool = False
    shape_control: str = ""
    ocr_engine: str = ""
    ocr_languages: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def label_type(self) -> str:
        """`type` of the results that hold the labels, which is also the key of the labels in their `value`."""
        return "labels" if self.shape_control else "rectanglelabels"

    @cached_property
    def label_set(self) -> LabelSet:
        """The names of the labels, in document order."""
        return LabelSet(tuple(label.name for label in self.labels))

    @cached_property
    def _names(self) -> dict[str, str]:
        # Later entries win: a text that is one label's name and another's value means the one it names.
        by_value = {label.value: label.name for label in reversed(self.labels)}
        return by_value | {label.name: label.name for label in self.labels}

    def name_of(self, text: str) -> str | None:
        """The name of the label that an annotation calls by its alias or its value; None if it is not ours."""
        return self._names.get(text)

    def predicted_name(self, label: str) -> str | None:
        """The label that a model's label stands for: the one of that name, else one that lists it so."""
        if label in self.label_set.names:
            return label
        return next((known.name for known in self.labels if label in known.predicted_values), None)

    def rule_of(self, name: str) -> FieldRule:
        """The field rule of a label by its name."""
        return next((label.rule for label in self.labels if label.name == name), NO_RULE)

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the labels that each document must have."""
        return tuple(label.name for label in self.labels if label.rule.required)

    def threshold_of(self, name: str) -> float | None:
        """The least score, 0 to 1, stated for a label by its name; None where the configuration states none."""
        return next((label.score_threshold for label in self.labels if label.name == name), None)


def parse_labeling_config(xml: str) -> LabelingConfig:
    """The served part of a labeling configuration.

    A configuration without any tag that has a name is a project before it is set up: no control, no labels.

    Raises:
        ConfigError: `config_xml` not well-formed, or with a DTD or entities; `config_unsupported` without
            RectangleLabels over an Image; `config_value` an Image that names no place in the task's data;
            `config_score_threshold` a threshold that is no number from 0 to 1; `config_field_rule` an attribute of a
            field rule with a value that it cannot have; `config_ocr` a value that cannot be
            the name of an OCR engine or a list of languages.
    """
    tags = list(_root(xml).iter())
    if not any(tag.get("name") or tag.get("toName") for tag in tags):
        return LabelingConfig(warnings=("the labeling configuration has no labels yet",))
    control, image = _control_and_image(tags)
    image_name = image.get("name", "")
    labels, warnings = _labels(control)
    value_key, multi_page = _value_key(image)
    return LabelingConfig(
        control=control.get("name", ""),
        image=image_name,
        value_key=value_key,
        multi_page=multi_page,
        labels=labels,
        text_control=_text_control(tags, image_name),
        shape_control=_shape_control(tags, control, image_name),
        smart=any(_is_true(tag, "smart") and image_name in _targets(tag) for tag in tags),
        ocr_engine=ocr_attribute(ENGINE, (image, control)),
        ocr_languages=ocr_attribute(LANGUAGES, (image, control)),
        warnings=(*_ambiguities(tags, control, image), *warnings),
    )


def _root(xml: str) -> Element:
    try:
        root: Element = fromstring(xml, forbid_dtd=True)
    except ParseError as error:
        line, column = error.position
        raise ConfigError(
            "config_xml", f"the labeling configuration is not well-formed XML: line {line}, column {column + 1}"
        ) from error
    except ValueError as error:
        # Refused by defusedxml before anything is expanded or fetched, or not encodable at all.
        raise ConfigError(
            "config_xml", f"the labeling configuration holds a DTD, entities or broken text: line {_dtd_line(xml)}"
        ) from error
    return root


def _dtd_line(xml: str) -> int:
    return xml[: max(0, xml.find("<!"))].count("\n") + 1


def _is(kind: str) -> Callable[[Element], bool]:
    return lambda tag: tag.tag.lower() == kind.lower()


def _is_true(tag: Element, attribute: str) -> bool:
    return tag.get(attribute, "").strip().lower() == "true"


def _targets(tag: Element) -> list[str]:
    return [name.strip() for name in tag.get("toName", "").split(",")]


def _control_and_image(tags: list[Element]) -> tuple[Element, Element]:
    """The first RectangleLabels in document order that names an Image, and this Image.

    Without any RectangleLabels it is the first Labels with a Rectangle beside it, as the OCR template has them.
    One with `model_skip="true"` is passed over: so the operator says which of several is meant.
    """
    controls = _named(tags, "RectangleLabels")
    images = {tag.get("name", ""): tag for tag in filter(_is("Image"), tags) if tag.get("name")}
    drawn_on = set(images)
    if not controls and _named(tags, SHAPE):
        drawn_on = {target for tag in _named(tags, SHAPE) for target in _targets(tag)}
        controls = [tag for tag in _named(tags, "Labels") if drawn_on & {*_targets(tag)}]
    if not controls:
        raise ConfigError(
            "config_unsupported",
            "No RectangleLabels control in the labeling configuration",
            'add <RectangleLabels name="label" toName="image"> with a <Label> for each label; '
            "Labels with a Rectangle beside it will do too",
        )
    if not images:
        raise ConfigError(
            "config_unsupported",
            "No Image tag in the labeling configuration",
            'add <Image name="image" value="$image"/>',
        )
    for control in controls:
        for target in _targets(control):
            if target in images and target in drawn_on:
                return control, images[target]
    raise ConfigError(
        "config_unsupported",
        f"No {controls[0].tag} control whose toName is the name of an Image tag",
        f"toName of the {controls[0].tag} must be the name of the Image",
    )


def _named(tags: list[Element], kind: str) -> list[Element]:
    """The tags of a kind that have a name and are not to be skipped."""
    return [tag for tag in filter(_is(kind), tags) if tag.get("name") and not _is_true(tag, SKIP)]


def _shape_control(tags: list[Element], control: Element, image: str) -> str:
    """The Rectangle that boxes are drawn with where the control has labels only."""
    if _is("RectangleLabels")(control):
        return ""
    return next(tag.get("name", "") for tag in _named(tags, SHAPE) if image in _targets(tag))


def _value_key(image: Element) -> tuple[str, bool]:
    """The key in the task's data, and whether it holds a list of pages."""
    multi_page = bool(image.get("valueList"))
    attribute = "valueList" if multi_page else "value"
    reference = _DATA_REFERENCE.fullmatch(image.get(attribute, "").strip())
    if reference is None:
        raise ConfigError(
            "config_value",
            f"{attribute} of the Image tag must name a key of the task data, such as $image",
            "a fixed address, or text around the key, is not supported",
        )
    return reference[1], multi_page


def _labels(control: Element) -> tuple[tuple[ConfigLabel, ...], list[str]]:
    found: dict[str, ConfigLabel] = {}
    warnings = []
    threshold_of_all = _score_threshold(control)
    for tag in filter(_is("Label"), control.iter()):
        value = tag.get("value") or tag.get("alias") or ""
        name = tag.get("alias") or value
        if not name:
            warnings.append("a Label without value is ignored")
        elif name in found:
            warnings.append("two Labels have the same name; the first one counts")
        else:
            predicted = tuple(part.strip() for part in tag.get("predicted_values", "").split(",") if part.strip())
            threshold = _score_threshold(tag)
            least = threshold_of_all if threshold is None else threshold
            found[name] = ConfigLabel(name, value, predicted, least, field_rule(tag, control))
    if not found:
        warnings.append(f"the {control.tag} control has no Label; labels from task data are not supported")
    return tuple(found.values()), warnings


def _score_threshold(tag: Element) -> float | None:
    """The threshold that a RectangleLabels or Label tag states, None where it states none."""
    stated = next((name for name in SCORE_THRESHOLDS if tag.get(name) is not None), None)
    if stated is None:
        return None
    text = tag.get(stated, "")
    try:
        threshold = float(text)
    except ValueError:
        threshold = math.nan
    if not 0 <= threshold <= 1:
        called = tag.get("alias") or tag.get("value") or tag.get("name", "")
        raise ConfigError(
            "config_score_threshold",
            f'{stated}="{text}" of the {tag.tag} tag "{called}" is no number from 0 to 1',
            f'write a share such as {stated}="0.3", or leave it out',
        )
    return threshold


def _text_control(tags: list[Element], image: str) -> str | None:
    for tag in filter(_is("TextArea"), tags):
        if tag.get("name") and _is_true(tag, "perRegion") and image in _targets(tag):
            return tag.get("name")
    return None


def _ambiguities(tags: list[Element], control: Element, image: Element) -> list[str]:
    """A sentence for each choice that was made because the configuration allows several."""
    warnings = []
    for kind, chosen in ((control.tag, control), ("Image", image)):
        if len(list(filter(_is(kind), tags))) > 1:
            warnings.append(f"several {kind} tags; used: {chosen.get('name')}")
    return warnings

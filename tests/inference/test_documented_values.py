"""The examples of docs/FIELDS.md are what comes out."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from backend.inference.values import normalised
from backend.label_studio.config import parse_labeling_config
from backend.label_studio.field_rules import field_rule

DOCUMENT = (Path(__file__).parents[2] / "docs" / "FIELDS.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (?:`(\w+)`)? ?\| (.+?) \| (.+?) \|$", re.MULTILINE)
STATED = re.compile(r" (with|without)(?: `(.+)`)?$")


def examples() -> list[tuple[str, str, str | None]]:
    """The attributes, the text and the value of each row that shows one."""
    found = []
    kind = ""
    for row in ROW.finditer(DOCUMENT.split("| `value_type` | text | value |")[1]):
        kind, text, value = row[1] or kind, row[2], row[3]
        stated = STATED.search(text)
        attributes = f'value_type="{kind}" {(stated and stated[2]) or ""}'
        if kind != "text":  # its row tells of white space, which a table cannot show
            found.append((attributes, STATED.sub("", text), None if value.startswith("none") else value))
    return found


@pytest.mark.parametrize(("attributes", "text", "value"), examples())
def test_an_example_comes_out_as_documented(attributes: str, text: str, value: str | None) -> None:
    rule = field_rule(fromstring(f"<Label {attributes}/>"), fromstring("<RectangleLabels/>"))
    assert normalised(text, rule) == value


def test_there_are_examples_of_each_kind() -> None:
    assert {attributes.split('"')[1] for attributes, _, _ in examples()} == {"date", "amount", "number"}
    assert len(examples()) >= 8


def test_the_configuration_shown_is_understood() -> None:
    shown = DOCUMENT.split("```xml")[1].split("```")[0]
    config = parse_labeling_config(f'<View>{shown}<Image name="image" value="$image"/></View>')
    assert config.required == ("date", "total")

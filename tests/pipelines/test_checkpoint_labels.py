from __future__ import annotations

import numpy as np
import pytest

from backend.label_studio.config import parse_labeling_config
from backend.pipelines.checkpoint_labels import read_outputs

CONFIG = parse_labeling_config(
    """<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">
    <Label value="header" predicted_values="TITLE, B-H1, I-H1"/>
    <Label value="Total amount" alias="total"/>
    <Label value="answer"/>
    </RectangleLabels></View>"""
)
NAMES = ("header", "total", "answer")
O, B_HEADER, I_HEADER, B_TOTAL, I_TOTAL, B_ANSWER, I_ANSWER = range(7)  # noqa: E741 # as the field writes them


def tags_of(outputs: tuple[str, ...]) -> list[int]:
    """The tag that each output mostly counts for."""
    shares = read_outputs(outputs, CONFIG).shares
    assert shares.shape == (len(outputs), 7)
    assert np.allclose(shares.sum(axis=1), 1)
    return [int(tag) for tag in shares.argmax(axis=1)]


@pytest.mark.parametrize(
    ("outputs", "tags"),
    [
        (("O", "B-HEADER", "I-HEADER", "B-ANSWER", "I-ANSWER"), [O, B_HEADER, I_HEADER, B_ANSWER, I_ANSWER]),
        (("I-answer", "B-answer", "O"), [I_ANSWER, B_ANSWER, O]),
        (("B-H1", "I-H1", "O"), [B_HEADER, I_HEADER, O]),
        (("B-TITLE", "I-TITLE", "O"), [B_HEADER, I_HEADER, O]),
        (("B-total_amount", "E-total_amount", "S-total_amount", "O"), [B_TOTAL, I_TOTAL, B_TOTAL, O]),
        (("U-total", "L-total", "O"), [B_TOTAL, I_TOTAL, O]),
        (("other", "header", "Total Amount", "answer"), [O, I_HEADER, I_TOTAL, I_ANSWER]),
        (("O", "B-HEADER", "I-HEADER", "B-QUESTION", "I-QUESTION"), [O, B_HEADER, I_HEADER, O, O]),
    ],
)
def test_the_outputs_of_a_model_mean_tags_of_the_project(outputs: tuple[str, ...], tags: list[int]) -> None:
    assert tags_of(outputs) == tags


def test_what_is_unknown_on_either_side_is_told() -> None:
    meaning = read_outputs(("O", "B-HEADER", "I-HEADER", "B-QUESTION", "I-QUESTION", "B-MISC"), CONFIG)
    assert meaning.matched == {"HEADER": "header"}
    assert meaning.unknown == ("QUESTION", "MISC")
    assert meaning.missing == ("total", "answer")


def test_labels_without_a_known_name_match_nothing() -> None:
    assert read_outputs(("LABEL_0", "LABEL_1"), CONFIG).matched == {}

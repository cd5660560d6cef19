import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.document.geometry import Box
from backend.document.page import Page, Word
from backend.encoding.spec import EncodingSpec
from backend.encoding.tokens import IGNORED, Encoder, grid_boxes, segment_types
from tests.pages_of_words import page_of_rows
from tests.tiny_model import byte_tokenizer

SPEC = EncodingSpec(
    max_tokens=32, segment_boxes=False, segment_types=True, visual=False, cls_id=0, sep_id=2, pad_id=1, overlap_words=4
)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(byte_tokenizer(), SPEC)


words = st.lists(st.text(st.characters(exclude_categories=["Z", "Cc", "Cs"]), min_size=1, max_size=40), max_size=60)


@settings(max_examples=60, deadline=None)
@given(words)
def test_every_word_is_predicted_whatever_it_is_made_of(encoder: Encoder, texts: list[str]) -> None:
    page = Page(1000, 1000, tuple(Word(text, Box(0, 0, 10, 10), 1.0, 0) for text in texts))
    windows = encoder.encode(page)
    covered = {word for window in windows for word in range(window.start, window.end)}
    assert covered == set(range(len(texts)))
    for window in windows:
        assert len(window.input_ids) <= SPEC.max_tokens
        assert len(window.first_tokens) == window.end - window.start
        assert len(set(window.first_tokens)) == len(window.first_tokens)


def test_a_page_without_words_has_no_window(encoder: Encoder) -> None:
    assert encoder.encode(Page(100, 100, ())) == []


def test_the_first_token_of_each_word_carries_its_tag(encoder: Encoder) -> None:
    page = page_of_rows(["Invoicenumber", "date", "xyzzyplugh"])
    window = encoder.encode(page)[0]
    labels = window.labels([1, 0, 2])
    assert labels[window.first_tokens].tolist() == [1, 0, 2]
    assert (labels != IGNORED).sum() == 3
    assert labels[0] == labels[-1] == IGNORED


def test_boxes_lie_on_the_grid_whatever_the_page_size() -> None:
    page = Page(500, 2000, (Word("a", Box(0, 0, 500, 2000), 1, 0), Word("b", Box(250, 1000, 700, 2500), 1, 0)))
    assert grid_boxes(page, segments=False).tolist() == [[0, 0, 1000, 1000], [500, 500, 1000, 1000]]


def test_segment_boxes_are_those_of_the_whole_segment() -> None:
    page = page_of_rows(["one", "two"], ["three"])
    boxes = grid_boxes(page, segments=True)
    assert boxes[0].tolist() == boxes[1].tolist()
    assert boxes[0].tolist() != boxes[2].tolist()


def test_types_tell_case_and_place_in_the_segment() -> None:
    page = page_of_rows(["Total", "DUE", "12.50", "eur"], ["-"])
    case, place = np.divmod(np.array(segment_types(page.words)) - 1, 4)
    assert case.tolist() == [1, 2, 3, 0, 4]
    assert place.tolist() == [1, 2, 2, 3, 0]


def test_special_tokens_have_no_box_and_type_0(encoder: Encoder) -> None:
    window = encoder.encode(page_of_rows(["Total", "12.50"]))[0]
    assert window.bbox[[0, -1]].tolist() == [[0] * 4, [0] * 4]
    assert window.token_types[[0, -1]].tolist() == [0, 0]
    assert (window.token_types[1:-1] > 0).all()

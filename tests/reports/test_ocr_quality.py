"""How well OCR reads, from the texts that people left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.reports.ocr_quality import OcrQuality, TextCounts, TextPair, measure_ocr


def test_edits_are_counted_by_character_and_by_word() -> None:
    quality = measure_ocr([TextPair("total", "T0TAL 12.5O", "TOTAL 12.50"), TextPair("total", "12.50", "12.50")])
    counts = quality.by_label["total"]
    assert counts == TextCounts(texts=2, corrected=1, character_edits=2, characters=16, word_edits=2, words=3)
    assert (counts.character_error_rate, counts.word_error_rate) == (2 / 16, 2 / 3)


def test_words_that_ocr_did_not_see_or_made_up_are_edits() -> None:
    missed = measure_ocr([TextPair("a", "", "two words")]).all
    assert (missed.character_edits, missed.word_edits) == (9, 2)
    made_up = measure_ocr([TextPair("a", "12.50 EUR", "12.50")]).all
    assert (made_up.character_edits, made_up.word_edits, made_up.word_error_rate) == (4, 1, 1.0)


def test_white_space_does_not_count_and_case_does() -> None:
    assert measure_ocr([TextPair("a", "two  words", " two\nwords")]).all.corrected == 0
    assert measure_ocr([TextPair("a", "Total", "TOTAL")]).all.character_edits == 4


def test_labels_are_told_apart_and_together() -> None:
    quality = measure_ocr([TextPair("b", "x", "y"), TextPair("a", "x", "x"), TextPair("b", "z", "z")])
    told = quality.to_json()
    assert list(told["labels"]) == ["b", "a"]
    assert (told["labels"]["b"]["cer"], told["labels"]["a"]["cer"], told["all"]["cer"]) == (0.5, 0.0, 0.3333)
    assert (told["all"]["texts"], told["all"]["corrected"]) == (3, 1)


def test_without_a_text_there_are_no_rates() -> None:
    assert OcrQuality({}).to_json() == {
        "labels": {},
        "all": {**dict.fromkeys(TextCounts.__slots__, 0), "cer": None, "wer": None},
    }
    assert measure_ocr([TextPair("a", "x", " ")]).all == TextCounts()


@pytest.mark.parametrize("text", ["a", "two words", "\u65e5\u4ed8 2024"])
def test_what_was_read_right_has_no_edits(text: str) -> None:
    assert measure_ocr([TextPair("a", text, text)]).all.character_error_rate == 0


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_texts_are_a_fault(read: str, written: str) -> None:
    counts = measure_ocr([TextPair("a", read, written)]).all
    assert counts.corrected <= counts.texts <= 1
    assert (counts.character_edits == 0) == (counts.corrected == 0)

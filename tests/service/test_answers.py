"""Reason phrases: one line of printable ASCII, whatever the message holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.service.answers import reason_phrase


@given(st.text(max_size=300))
def test_any_message_is_one_short_printable_line(message: str) -> None:
    phrase = reason_phrase(message)
    assert 0 < len(phrase) <= 120
    assert all(" " <= character <= "~" for character in phrase)


@pytest.mark.parametrize(
    ("message", "phrase"),
    [
        ("No Image tag in the labeling configuration", "No Image tag in the labeling configuration"),
        ("a\r\nSet-Cookie: x=1", "a Set-Cookie: x=1"),
        ("key 'Büro'", "key 'B\\xfcro'"),
        ("\ud800", "\\ud800"),
        ("", "error"),
        ("\x00\n", "error"),
    ],
)
def test_what_is_not_printable_is_escaped_or_dropped(message: str, phrase: str) -> None:
    assert reason_phrase(message) == phrase

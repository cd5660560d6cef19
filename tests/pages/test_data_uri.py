"""Images that stand in the task itself."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import TaskError
from backend.pages.data_uri import decode_data_uri

HEAD = "data:image/png;base64,"


@given(st.binary(max_size=200), st.booleans(), st.booleans())
def test_IN22_base64_gives_its_bytes(data: bytes, escaped: bool, padded: bool) -> None:
    text = base64.b64encode(data).decode()
    text = text if padded else text.rstrip("=")

    assert decode_data_uri(HEAD + (quote(text) if escaped else text), max_bytes=1000) == data


@pytest.mark.parametrize(
    "uri", ["data:", "data:image/png;base64", HEAD + "a", HEAD + "!!!!", HEAD + "é", "data:image/svg+xml,<svg/>"]
)
def test_IN22_damaged_data_uris_are_refused(uri: str) -> None:
    with pytest.raises(TaskError) as refusal:
        decode_data_uri(uri, max_bytes=1000)
    assert refusal.value.code == "image_bad_data_uri"


@pytest.mark.parametrize("size", [1001, 1_000_000])
def test_IN22_the_limit_holds_for_data_uris(size: int) -> None:
    with pytest.raises(TaskError) as refusal:
        decode_data_uri(HEAD + base64.b64encode(bytes(size)).decode(), max_bytes=1000)
    assert refusal.value.code == "image_too_large"

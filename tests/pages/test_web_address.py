"""Web addresses."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import TaskError
from backend.pages.web_address import parse_web_address

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=300).filter(
    lambda name: name.strip(".") != ""
)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://Example.COM", "http://example.com/"),
        ("HTTP://example.com:80/a", "http://example.com/a"),
        ("https://example.com:8443/a?b=c&d#e", "https://example.com:8443/a?b=c&d"),
        ("http://user:secret@example.com/a", "http://example.com/a"),
        ("http://good@evil/a", "http://evil/a"),
        ("http://[::1]:8080/a", "http://[::1]:8080/a"),
        ("http://bücher.example/a", "http://xn--bcher-kva.example/a"),
        (" http://example.com/a b/ж.png ", "http://example.com/a%20b/%D0%B6.png"),
        ("http://example.com/a%20b%23%3F%252e", "http://example.com/a%20b%23%3F%252e"),
    ],
)
def test_UR12_an_address_is_parsed_once_into_a_plain_form(text: str, url: str) -> None:
    assert parse_web_address(text).url == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "file:///etc/passwd",
        "ftp://example.com/a",
        "gopher://example.com",
        "jar:http://example.com!/a",
        r"\\host\share",
        "//host/x",
        "/etc/passwd",
        "a.png",
        "s3://bucket/key",
        "javascript:alert(1)",
    ],
)
def test_UR01_other_schemes_are_refused(text: str) -> None:
    with pytest.raises(TaskError) as refusal:
        parse_web_address(text)
    assert refusal.value.code == "url_scheme"


@pytest.mark.parametrize(
    "text",
    [
        "http://",
        "http:///a",
        r"http://evil\@good/",
        "http://a\x00b/",
        "http://a/\r\nX: y",
        "http://a:99999/",
        "http://[::1",
    ],
)
def test_addresses_that_parsers_disagree_on_are_refused(text: str) -> None:
    with pytest.raises(TaskError) as refusal:
        parse_web_address(text)
    assert refusal.value.code == "url_malformed"


@given(st.text())
def test_any_text_is_an_address_or_refused_by_name(text: str) -> None:
    try:
        address = parse_web_address("http://" + text)
    except TaskError:
        return
    assert parse_web_address(address.url) == address


@given(NAMES)
def test_IN25_a_percent_encoded_name_survives(name: str) -> None:
    encoded = f"/data/upload/1/{quote(name)}"

    address = parse_web_address(f"http://localhost:8080{encoded}")

    assert unquote(address.target) == unquote(encoded)


@given(NAMES, NAMES)
def test_IN25_names_that_differ_do_not_collide(one: str, other: str) -> None:
    first, second = (parse_web_address(f"http://localhost/{quote(name)}").url for name in (one, other))

    assert (first == second) == (one == other)


def test_origins_differ_by_scheme_host_and_port() -> None:
    origin = parse_web_address("http://localhost:80/a").origin

    assert origin == parse_web_address("http://LOCALHOST/b?c").origin
    for other in ("https://localhost:80/", "http://localhost:81/", "http://localhost./", "http://127.0.0.1/"):
        assert origin != parse_web_address(other).origin


def test_a_redirect_is_relative_to_the_address_it_came_from() -> None:
    start = parse_web_address("http://example.com/a/b?c")

    assert start.joined("d").url == "http://example.com/a/d"
    assert start.joined("//other.example/d").url == "http://other.example/d"
    with pytest.raises(TaskError):
        start.joined("file:///etc/passwd")

"""Where images of task data are fetched."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.document.page import PageRef
from backend.errors import TaskError
from backend.label_studio.image_urls import image_url

BASE = "http://label-studio:8080"
ANNOUNCED = "http://localhost:8080"


def resolved(url: str, base_url: str = BASE, announced: str = ANNOUNCED) -> str:
    return image_url(PageRef(task_id=7, index=0, url=url), base_url=base_url, announced=announced)


def code_of(url: str, base_url: str = BASE, announced: str = ANNOUNCED) -> str:
    with pytest.raises(TaskError) as refusal:
        resolved(url, base_url, announced)
    return refusal.value.code


@pytest.mark.parametrize(
    ("stored", "fetched"),
    [
        ("/data/upload/1/a.png", f"{BASE}/data/upload/1/a.png"),
        (" /data/upload/1/a%20b%23%3F.png\n", f"{BASE}/data/upload/1/a%20b%23%3F.png"),
        ("/data/upload/1/%D1%81%D1%87%D1%91%D1%82.png", f"{BASE}/data/upload/1/%D1%81%D1%87%D1%91%D1%82.png"),
        ("/data/upload/1/a..b.png", f"{BASE}/data/upload/1/a..b.png"),
        ("/data/upload/1/100%25.png", f"{BASE}/data/upload/1/100%25.png"),
        ("/data/local-files/?d=scans/a b.png", f"{BASE}/data/local-files/?d=scans/a b.png"),
        (f"{ANNOUNCED}/data/local-files/?d=a.png", f"{BASE}/data/local-files/?d=a.png"),
        ("HTTP://LOCALHOST:8080/data/upload/1/a.png", f"{BASE}/data/upload/1/a.png"),
        (f"{BASE}/data/upload/1/a.png", f"{BASE}/data/upload/1/a.png"),
    ],
)
def test_what_lies_in_label_studio_is_asked_of_the_address_this_backend_uses(stored: str, fetched: str) -> None:
    assert resolved(stored) == fetched


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png?b=c#d",
        "http://localhost:8081/a.png",
        "https://localhost:8080/a.png",
        "http://localhost.evil.test:8080/a.png",
        "http://localhost:8080@evil.test/a.png",
        "data:image/png;base64,AAAA",
    ],
)
def test_other_addresses_stay_as_they_are(url: str) -> None:
    assert resolved(url) == url


@pytest.mark.parametrize("stored", ["/data/upload/1/a.png", "/ls/data/upload/1/a.png"])
@pytest.mark.parametrize(
    ("base_url", "announced"),
    [
        ("http://inside:8080/ls", "https://outside.test/ls"),
        ("http://inside:8080/ls/", "http://inside:8080/ls"),
        ("http://inside:8080/ls", ""),
    ],
)
def test_a_path_prefix_stands_once(stored: str, base_url: str, announced: str) -> None:
    assert resolved(stored, base_url, announced) == "http://inside:8080/ls/data/upload/1/a.png"


def test_an_announced_prefix_is_replaced_by_that_of_the_address_in_use() -> None:
    for stored in ("https://outside.test/ls/data/upload/1/a.png", "/ls/data/upload/1/a.png"):
        assert resolved(stored, BASE, "https://outside.test/ls") == f"{BASE}/data/upload/1/a.png"
    assert resolved("https://outside.test/lsx/a.png", BASE, "https://outside.test/ls").startswith("https://outside")


@given(st.sampled_from(["s3", "gs", "azure-blob"]), st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_UR16_cloud_addresses_are_resolved_by_label_studio(scheme: str, key: str) -> None:
    uri = f"{scheme}://bucket/{key}".strip()

    parts = urlsplit(resolved(uri))

    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{BASE}/tasks/7/resolve/"
    assert urlsafe_b64decode(parse_qs(parts.query)["fileuri"][0]).decode() == uri


def test_without_an_address_of_label_studio_the_remedy_is_named() -> None:
    assert code_of("s3://bucket/a.png", "", "") == "url_storage"
    with pytest.raises(TaskError) as refusal:
        resolved("/data/upload/1/a.png", "", "")
    assert refusal.value.code == "url_no_label_studio"
    assert "LABEL_STUDIO_URL" in refusal.value.hint
    assert resolved("https://example.com/a.png", "", "") == "https://example.com/a.png"


@pytest.mark.parametrize(
    "url",
    [
        "/data/upload/../../x",
        "/data/upload/3/..%2f..%2fx",
        "/data/upload/%2e%2e/x",
        "/data/upload/%252e%252e/x",
        "/data/upload/..%5cx",
        "/data/upload/..\\x",
        "/data/upload/a%00.png",
        "/..",
        f"{ANNOUNCED}/data/upload/../../x",
        "/data/upload/%" + "25" * 50 + "2e",
    ],
)
def test_UR03_paths_that_climb_are_refused(url: str) -> None:
    assert code_of(url) == "url_path"


@given(st.integers(0, 3), st.sampled_from(["/", "\\"]))
def test_UR03_climbing_is_seen_under_any_encoding(times: int, slash: str) -> None:
    step = f"..{slash}"
    for _ in range(times):
        step = quote(step, safe="").replace(".", "%2E")

    assert code_of(f"/data/upload/{step}secret") == "url_path"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.com/a",
        "jar:http://example.com!/a",
        "//host/x",
        "/\\host/x",
        r"\\host\share",
        "C:\\scans\\a.png",
        "data/upload/1/a.png",
        "a.png",
        "",
    ],
)
def test_UR01_other_kinds_of_addresses_are_refused(url: str) -> None:
    assert code_of(url) == "url_scheme"


@pytest.mark.parametrize(
    "url", ["http://[::1/a.png", "http://localhost:port/a.png", "http://localhost:8080.evil.test/a.png"]
)
def test_addresses_that_cannot_be_parsed_are_refused(url: str) -> None:
    assert code_of(url) == "url_malformed"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(lambda name: name.strip(".")))
def test_IN25_any_encoded_file_name_survives(name: str) -> None:
    path = f"/data/upload/1/9c3a249a-{quote(name, safe='')}"

    assert resolved(path) == BASE + path


@given(st.text())
def test_any_text_is_an_address_or_refused_by_name(text: str) -> None:
    try:
        assert resolved(text)
    except TaskError as refusal:
        known = {"url_scheme", "url_path", "url_malformed"}
        if refusal.code not in known:
            raise

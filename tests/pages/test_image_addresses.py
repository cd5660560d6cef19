"""Addresses of every kind in a task's data: what is contacted, what is sent there, and the entry of the task."""

from __future__ import annotations

import logging
import os
import socket
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from backend.document.page import PageRef
from backend.errors import LabelStudioError, TaskError
from backend.pages.transport import AddressInfo, Resolve
from backend.pipelines.connection import connect
from backend.service import web
from backend.versions.project import ProjectRecord
from tests.conftest import SettingsFactory
from tests.memorised import png
from tests.mixed_faults import good_page
from tests.pages.image_host import GOOD, TOKEN, ImageHost, image_host
from tests.pages.loopback import NAMES_OF_THIS_MACHINE, Asked, Listener, reply
from tests.pages.test_fetch import redirect, self_signed

PAGE = png(good_page(0).image)

_opened: list[str] | None = None


def _note_opened(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _opened is not None:
        _opened.append(os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes) else "")


sys.addaudithook(_note_opened)  # cannot be taken away again


@contextmanager
def files_opened() -> Iterator[list[str]]:
    """The files that this process opens meanwhile."""
    global _opened
    found = _opened = []
    try:
        yield found
    finally:
        _opened = None


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ocr")


@pytest.fixture
def studio(cache: Path) -> Iterator[ImageHost]:
    with image_host(cache) as host:
        host.entry(GOOD)  # read once, so that nothing but addresses is looked at
        yield host


@pytest.fixture
def other() -> Iterator[Listener]:
    """A web server that is not Label Studio."""
    with Listener(lambda asked: reply(PAGE)) as listener:
        yield listener


@pytest.fixture
def contacted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that connections are opened to; beyond this machine nobody answers."""
    found: list[str] = []
    connect = socket.socket.connect

    def connect_nearby(self: socket.socket, address: Any) -> None:
        found.append(address[0])
        if address[0] != "127.0.0.1":
            raise ConnectionRefusedError
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_nearby)
    return found


def resolving(**names: str) -> Resolve:
    """A resolver that knows these names, with `_` for `.`; each address is given once, the last one from then on."""
    left = {name.replace("_", "."): addresses.split() for name, addresses in names.items()}

    def resolve(host: str, port: int) -> Sequence[AddressInfo]:
        known = left.get(host, [host])
        address = known.pop(0) if len(known) > 1 else known[0]
        return [info for one in address.split("+") for info in socket.getaddrinfo(one, port, type=socket.SOCK_STREAM)]

    return resolve


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "ftp://host/x", "gopher://host/x", "jar:http://host/x!/y", "\\\\host\\share", "//host/x"],
)
def test_UR01_other_schemes_are_empty_entries_and_open_no_file(studio: ImageHost, address: str) -> None:
    with files_opened() as opened:
        assert studio.code(address) == "url_scheme"
    assert not [path for path in opened if "passwd" in path or "share" in path]


LOCAL = [
    "etc/passwd",
    "../../etc/passwd",
    "/etc/passwd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "%252e%252e%252fetc%252fpasswd",
    "etc/passwd%00.png",
    "link.png",
]


@pytest.mark.parametrize("root", [False, True])
@pytest.mark.parametrize("name", LOCAL)
def test_UR02_local_files_are_asked_of_label_studio_and_never_read_here(
    studio: ImageHost, name: str, root: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if root:
        monkeypatch.setenv("LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT", "/")
        monkeypatch.setenv("LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED", "true")
    address = f"/data/local-files/?d={name}"

    with files_opened() as opened:
        assert studio.code(address) == "image_http_404"  # what this Label Studio says to it
    assert not [path for path in opened if "passwd" in path or "link" in path]

    studio.serve(PAGE, address.replace("%2e", ".").replace("%2f", "%2F"))  # the same by RFC 3986
    assert studio.entry(address)["result"]


def test_UR02_a_nul_in_an_address_is_no_address(studio: ImageHost) -> None:
    assert studio.code("/data/local-files/?d=etc/passwd\0.png") == "url_malformed"


@pytest.mark.parametrize("path", ["/data/upload/../../x", "/data/upload/3/..%2f..%2fx", "/data/%252e%252e/x"])
def test_UR03_paths_that_climb_are_empty_entries(studio: ImageHost, path: str) -> None:
    studio.serve(PAGE, path)

    assert studio.code(path) == "url_path"


def test_UR04_a_link_out_of_the_document_root_is_not_followed(
    studio: ImageHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, secret = tmp_path / "root", tmp_path / "secret.png"
    root.mkdir()
    secret.write_bytes(PAGE)
    (root / "link.png").symlink_to(secret)
    monkeypatch.setenv("LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT", str(root))

    with files_opened() as opened:
        codes = [studio.code(f"/data/local-files/?d={name}") for name in ("link.png", str(root / "link.png"))]
    assert codes == ["image_http_404"] * 2  # what this Label Studio says to it
    assert not [path for path in opened if str(tmp_path) in path and "ocr" not in path]
    assert studio.code(f"/data/upload/1/../../..{root}/link.png") == "url_path"


@pytest.mark.parametrize("name", NAMES_OF_THIS_MACHINE)
def test_UR05_this_machine_is_an_empty_entry_but_for_label_studio(
    studio: ImageHost, other: Listener, name: str
) -> None:
    assert studio.code(f"http://{name}:{other.port}/a.png") == "url_forbidden"
    assert other.connections == 0
    assert studio.entry(f"{studio.url}{GOOD}")["result"]


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"]
)
def test_UR06_metadata_services_are_empty_entries_by_number_and_by_name(
    studio: ImageHost, contacted: list[str], address: str
) -> None:
    number = f"[{address}]" if ":" in address else address
    allowed = {"hosts": (address, "meta.test"), "resolve": resolving(meta_test=address)}

    assert studio.code(f"http://{number}/latest/meta-data") == "url_forbidden"
    assert studio.code(f"http://{number}/latest/meta-data", **allowed) == "url_forbidden"
    assert studio.code("http://meta.test/latest/meta-data", **allowed) == "url_forbidden"
    assert set(contacted) == {"127.0.0.1"}  # Label Studio


@pytest.mark.parametrize(
    "host",
    [
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "[fc00::1]",
        "[fe80::1]",
        "224.0.0.1",
        "[ff02::1]",
        "[2002:7f00:1::]",
        "[64:ff9b::7f00:1]",
    ],
)
def test_UR07_private_networks_are_empty_entries_unless_listed(
    studio: ImageHost, contacted: list[str], host: str
) -> None:
    url, address = f"http://{host}/a.png", host.strip("[]")

    assert studio.code(url) == "url_forbidden"
    assert address not in contacted
    assert studio.code(url, hosts=(address,)) == "image_unreachable"
    assert address in contacted


@pytest.mark.parametrize("target", ["localhost", "metadata"])
def test_UR08_each_hop_of_a_redirect_is_checked(studio: ImageHost, other: Listener, target: str) -> None:
    last = f"http://localhost:{other.port}/a.png" if target == "localhost" else "http://169.254.169.254/a.png"
    studio.serve_answer(lambda: redirect("/second"), "/first")
    studio.serve_answer(lambda: redirect(last), "/second")

    assert studio.code("/first") == "url_forbidden"
    assert other.connections == 0


@pytest.mark.parametrize("start", ["/4", "/loop", "/file", "/gopher"])
def test_UR09_redirects_without_end_or_to_elsewhere_are_empty_entries(studio: ImageHost, start: str) -> None:
    hops = {f"/{number}": f"/{number - 1}" for number in range(1, 5)}
    hops |= {"/loop": "/loop", "/file": "file:///etc/passwd", "/gopher": "gopher://127.0.0.1/"}
    for address, to in hops.items():
        studio.serve_answer(partial(redirect, to), address)
    studio.serve(PAGE, "/0")

    assert studio.code(start) == "url_redirects"
    assert studio.entry("/3")["result"]


def test_UR10_a_name_that_changes_its_address_gains_nothing(
    studio: ImageHost, other: Listener, contacted: list[str]
) -> None:
    rebinding = resolving(evil_test="93.184.216.34 127.0.0.1")

    assert studio.code(f"http://evil.test:{other.port}/a.png", resolve=rebinding) == "image_unreachable"
    assert "93.184.216.34" in contacted
    assert other.connections == 0
    assert studio.code(f"http://evil.test:{other.port}/a.png", resolve=rebinding) == "url_forbidden"
    assert other.connections == 0


def test_UR11_a_name_with_a_private_address_among_public_ones_is_an_empty_entry(
    studio: ImageHost, other: Listener, contacted: list[str]
) -> None:
    for both in ("93.184.216.34+127.0.0.1", "127.0.0.1+93.184.216.34"):
        url = f"http://evil.test:{other.port}/a.png"
        assert studio.code(url, resolve=resolving(evil_test=both)) == "url_forbidden"
    assert "93.184.216.34" not in contacted
    assert other.connections == 0


def test_UR12_an_address_is_what_it_was_parsed_as_and_its_password_goes_nowhere(
    studio: ImageHost, other: Listener, contacted: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = f"user:pass-word@127.0.0.1:{other.port}"
    elsewhere = {"hosts": ("127.0.0.1",)}

    assert studio.entry(f"http://{secret}/a.png", **elsewhere)["result"]
    assert studio.code(f"http://127.0.0.1:{other.port}@10.0.0.1/a.png", **elsewhere) == "url_forbidden"
    assert studio.code(f"http://10.0.0.1\\@127.0.0.1:{other.port}/a.png", **elsewhere) == "url_malformed"
    assert studio.code(f"http://127.0.0.1:{other.port}99/a.png", **elsewhere) == "url_malformed"
    # The first letter is Cyrillic: another name than that of the host that is allowed.
    look_alike = {"hosts": ("example.test",), "resolve": this_machine}
    assert studio.code("http://\u0435xample.test/", **look_alike) == "url_forbidden"
    assert "10.0.0.1" not in contacted

    assert "authorization" not in other.asked[0].headers
    assert "pass-word" not in caplog.text
    assert not [record for record in caplog.records if "pass-word" in str(vars(record))]


def this_machine(host: str, port: int) -> list[AddressInfo]:
    """A resolver to which every name is this machine."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def test_UR12_credentials_are_not_forwarded_to_another_host(studio: ImageHost, other: Listener) -> None:
    with Listener(lambda asked: redirect(f"{other.url}/a.png")) as first:
        secret = first.url.replace("http://", "http://user:pass-word@")
        assert studio.entry(f"{secret}/a.png", hosts=("127.0.0.1",))["result"]
    for listener in (first, other):
        assert "authorization" not in listener.asked[0].headers


def test_UR13_a_storage_that_label_studio_redirects_to_gets_no_token(studio: ImageHost, other: Listener) -> None:
    studio.serve_answer(lambda: redirect(f"{other.url}/signed?key=1"))

    assert studio.entry("/data/upload/1/page", hosts=("127.0.0.1",))["result"]
    assert other.asked[0].target == "/signed?key=1"
    assert TOKEN["Authorization"] not in str(other.asked)
    assert "authorization" not in other.asked[0].headers


def test_UR14_a_bad_certificate_is_an_empty_entry(studio: ImageHost, tmp_path: Path) -> None:
    with Listener(lambda asked: reply(PAGE), wrap=self_signed(tmp_path)) as secure:
        url = f"https://127.0.0.1:{secure.port}/a.png"
        studio.serve_answer(lambda: redirect(url))

        assert studio.code(url, hosts=("127.0.0.1",)) == "url_tls"
        assert studio.code("/data/upload/1/page", hosts=("127.0.0.1",)) == "url_tls"
    assert secure.asked == []


def test_UR14_the_check_can_be_switched_off_for_label_studio_alone(
    make_settings: SettingsFactory, tmp_path: Path
) -> None:
    def answer(asked: Asked) -> bytes:
        return reply(b'{"id": 3}') if asked.target.startswith("/api/") else reply(PAGE)

    tls = self_signed(tmp_path)
    with Listener(answer, wrap=tls) as own, Listener(answer, wrap=tls) as another:
        url, elsewhere = f"https://127.0.0.1:{own.port}", f"https://127.0.0.1:{another.port}/a.png"
        environ = {"LABEL_STUDIO_URL": url, "LABEL_STUDIO_API_KEY": "0" * 40, "IMAGE_HOSTS": "127.0.0.1"}
        checked = connect(make_settings(**environ), None, patience_s=0)
        unchecked = connect(make_settings(**environ, LABEL_STUDIO_TLS_CHECK="false"), None, patience_s=0)
        announced = ProjectRecord(3, url, "t0ken", "<View/>")
        believing = connect(make_settings(LABEL_STUDIO_TLS_CHECK="false"), announced, patience_s=0)

        assert unchecked.fetch(PageRef(1, 0, "/data/upload/1/a.png")) == PAGE
        assert unchecked.required_client().project(3) == {"id": 3}
        for connection, address in ((checked, "/a.png"), (believing, "/a.png"), (unchecked, elsewhere)):
            with pytest.raises(TaskError) as refusal:
                connection.fetch(PageRef(1, 0, address))
            assert refusal.value.code == "url_tls"
        for connection in (checked, believing):
            with pytest.raises(LabelStudioError):
                connection.required_client().project(3)
    assert another.asked == []


@pytest.mark.parametrize("switched_off", [False, True])
def test_UR14_a_check_that_is_switched_off_is_warned_of_at_the_start(
    make_settings: SettingsFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    switched_off: bool,
) -> None:
    monkeypatch.setattr(web, "create_app", lambda *parts, **named: Flask("nothing"))

    web.web_app(make_settings(LABEL_STUDIO_TLS_CHECK="false" if switched_off else "true"))

    assert ("certificate of Label Studio is not checked" in caplog.text) == switched_off


def test_UR15_proxy_variables_are_ignored(studio: ImageHost, other: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    assert studio.entry(GOOD)["result"]
    assert other.connections == 0


@pytest.mark.parametrize("uri", ["s3://bucket/a b.png", "gs://bucket/a.png", "azure-blob://bucket/a.png"])
def test_UR16_cloud_addresses_are_asked_of_label_studio(studio: ImageHost, other: Listener, uri: str) -> None:
    target = f"/tasks/1/resolve/?fileuri={urlsafe_b64encode(uri.encode()).decode()}"
    studio.serve_answer(lambda: redirect(f"{other.url}/signed"), target)

    assert studio.entry(uri, hosts=("127.0.0.1",))["result"]
    studio.url = ""
    with pytest.raises(TaskError) as refusal:
        studio.scene(origin=None).fetch(PageRef(1, 0, uri))
    assert refusal.value.code == "url_storage"

"""Addresses to bytes, against real servers that behave badly."""

from __future__ import annotations

import gzip
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from backend.errors import BackendError, LabelStudioError
from backend.pages.fetch import Fetcher
from backend.pages.transport import AddressInfo
from tests.pages.loopback import NAMES_OF_THIS_MACHINE, Answer, Asked, Listener, closed_port, in_turn, reply

IMAGE = bytes(range(256)) * 50
TOKEN = {"Authorization": "Token of-label-studio"}
LOOPBACK = ("127.0.0.1",)

Serve = Callable[..., Listener]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts listeners that end with the test; the argument is what they answer."""
    with ExitStack() as stack:

        def start(
            answer: Callable[[Asked], Answer] | Answer, **options: Callable[[socket.socket], socket.socket]
        ) -> Listener:
            return stack.enter_context(Listener(answer if callable(answer) else in_turn(answer), **options))

        yield start


def fetcher(**options: object) -> Fetcher:
    """A fetcher that may go to 127.0.0.1 and does not wait long."""
    quick = {"hosts": LOOPBACK, "connect_s": 1.0, "gap_s": 1.0, "total_s": 5.0, "pause_s": 0.01, "max_bytes": 100_000}
    return Fetcher(**{**quick, **options})  # type: ignore[arg-type]


def refused(fetcher: Fetcher, url: str) -> BackendError:
    with pytest.raises(BackendError) as refusal:
        fetcher.fetch(url)
    return refusal.value


def redirect(to: str) -> bytes:
    return reply(status=302, location=to)


def drip(*, head: bytes = b"", gap_s: float = 0.05) -> Iterator[bytes]:
    """Some bytes, and then one at a time for ever."""
    yield head
    while True:
        time.sleep(gap_s)
        yield b"x"


class TestBytes:
    def test_the_bytes_behind_an_address_arrive(self, serve: Serve) -> None:
        server = serve(reply(IMAGE))

        assert fetcher().fetch(f"{server.url}/a.png") == IMAGE

    def test_IN22_a_data_uri_needs_no_server(self) -> None:
        assert fetcher().fetch("data:image/png;base64,AAEC") == b"\0\1\2"

    def test_IN25_a_name_arrives_at_the_server_as_it_is_encoded(self, serve: Serve) -> None:
        server = serve(reply(IMAGE))

        fetcher().fetch(f"{server.url}/data/upload/1/%D1%81%20%23%3F%2B+a.png?d=b%20c&e")

        assert server.asked[0].target == "/data/upload/1/%D1%81%20%23%3F%2B+a.png?d=b%20c&e"

    def test_compressed_answers_are_unpacked(self, serve: Serve) -> None:
        server = serve(reply(gzip.compress(IMAGE), content_encoding="gzip"))

        assert fetcher().fetch(server.url) == IMAGE

    def test_cookies_of_an_answer_are_not_sent_back(self, serve: Serve) -> None:
        server = serve(reply(IMAGE, set_cookie="session=1"))
        one = fetcher()

        one.fetch(server.url)
        one.fetch(server.url)

        assert "cookie" not in server.asked[1].headers

    def test_UR12_credentials_in_an_address_are_not_sent(self, serve: Serve) -> None:
        server = serve(reply(IMAGE))

        fetcher().fetch(f"http://user:secret@127.0.0.1:{server.port}/")

        assert "authorization" not in server.asked[0].headers

    def test_UR15_proxy_variables_are_ignored(self, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        server, proxy = serve(reply(IMAGE)), serve(reply(b"from the proxy"))
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)

        assert fetcher().fetch(server.url) == IMAGE
        assert proxy.connections == 0


class TestStatus:
    @pytest.mark.parametrize(
        ("status", "code"), [(404, "image_http_404"), (410, "image_http_404"), (418, "image_http_4xx")]
    )
    def test_IN01_a_missing_image_is_asked_for_once(self, serve: Serve, status: int, code: str) -> None:
        server = serve(reply(status=status))

        assert refused(fetcher(), server.url).code == code
        assert len(server.asked) == 1

    @pytest.mark.parametrize("status", [429, 500, 502, 503])
    def test_IN03_a_failing_server_is_asked_three_times(self, serve: Serve, status: int) -> None:
        server = serve(reply(status=status))

        assert refused(fetcher(), server.url).code == "image_http_5xx"
        assert len(server.asked) == 3

    def test_IN03_a_server_that_recovers_gives_the_image(self, serve: Serve) -> None:
        server = serve(in_turn(reply(status=503), reply(status=500), reply(IMAGE)))

        assert fetcher().fetch(server.url) == IMAGE

    def test_IN03_retry_after_is_honoured(self, serve: Serve) -> None:
        server = serve(in_turn(reply(status=429, retry_after="1"), reply(IMAGE)))
        start = time.monotonic()

        assert fetcher().fetch(server.url) == IMAGE
        assert time.monotonic() - start >= 1

    @pytest.mark.parametrize(("retry_after", "asked"), [("60", 1), ("soon", 3)])
    def test_IN03_retry_after_counts_only_within_the_deadline(self, serve: Serve, retry_after: str, asked: int) -> None:
        server = serve(reply(status=503, retry_after=retry_after))
        start = time.monotonic()

        assert refused(fetcher(), server.url).code == "image_http_5xx"
        assert time.monotonic() - start < 1
        assert len(server.asked) == asked


class TestCuts:
    def test_IN07_a_short_body_is_asked_for_once_more(self, serve: Serve) -> None:
        server = serve(in_turn(reply(IMAGE[:100], content_length="12800"), reply(IMAGE)))

        assert fetcher().fetch(server.url) == IMAGE

    @pytest.mark.parametrize(
        "answer",
        [reply(IMAGE, content_length="99999"), b"", b"HTTP", reply(b"5\r\nabc", transfer_encoding="chunked")],
    )
    def test_IN07_a_connection_that_always_breaks_is_named(self, serve: Serve, answer: bytes) -> None:
        server = serve(answer)

        assert refused(fetcher(), server.url).code == "image_incomplete"
        assert len(server.asked) == 2

    def test_damaged_compression_is_incomplete(self, serve: Serve) -> None:
        server = serve(reply(b"not gzip at all", content_encoding="gzip"))

        assert refused(fetcher(), server.url).code == "image_incomplete"


class TestLimits:
    @pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\n\r\n"])
    def test_IN27_a_slow_server_is_given_up_at_the_deadline(self, serve: Serve, head: bytes) -> None:
        server = serve(lambda _: drip(head=head))
        start = time.monotonic()

        assert refused(fetcher(total_s=0.5), server.url).code == "image_timeout"
        assert 0.4 < time.monotonic() - start < 3

    def test_IN27_a_silent_server_is_given_up_after_the_gap(self, serve: Serve) -> None:
        server = serve(lambda _: drip(gap_s=3))
        start = time.monotonic()

        assert refused(fetcher(gap_s=0.3), server.url).code == "image_timeout"
        assert time.monotonic() - start < 2

    def test_IN28_an_endless_body_is_cut_at_the_limit(self, serve: Serve) -> None:
        sent: list[int] = []

        def endless() -> Iterator[bytes]:
            yield b"HTTP/1.1 200 OK\r\n\r\n"
            while True:
                sent.append(1)
                yield bytes(10_000)

        server = serve(lambda _: endless())

        assert refused(fetcher(), server.url).code == "image_too_large"
        assert len(sent) < 2000  # what the kernel's buffers took, in blocks of 10 kB

    def test_an_announced_size_over_the_limit_is_not_read(self, serve: Serve) -> None:
        server = serve(lambda _: drip(head=b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n"))
        start = time.monotonic()

        assert refused(fetcher(), server.url).code == "image_too_large"
        assert time.monotonic() - start < 3

    @pytest.mark.parametrize(("size", "fits"), [(100_000, True), (100_001, False)])
    def test_IN10_the_limit_counts_unpacked_bytes(self, serve: Serve, size: int, fits: bool) -> None:
        server = serve(reply(gzip.compress(bytes(size)), content_encoding="gzip"))

        if fits:
            assert fetcher().fetch(server.url) == bytes(size)
        else:
            assert refused(fetcher(), server.url).code == "image_too_large"

    def test_IN10_a_bomb_costs_little_time(self, serve: Serve) -> None:
        bomb = gzip.compress(bytes(100_000_000))
        server = serve(reply(bomb, content_encoding="gzip"))
        start = time.monotonic()

        assert refused(fetcher(max_bytes=1_000_000), server.url).code == "image_too_large"
        assert time.monotonic() - start < 3


class TestAddresses:
    @pytest.mark.parametrize("host", NAMES_OF_THIS_MACHINE)
    def test_UR05_this_machine_is_not_contacted(self, serve: Serve, host: str) -> None:
        server = serve(reply(IMAGE))

        assert refused(fetcher(hosts=()), f"http://{host}:{server.port}/").code == "url_forbidden"
        assert server.connections == 0

    @pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "168.63.129.16"])
    def test_UR06_metadata_services_are_refused_even_when_listed(self, host: str) -> None:
        assert refused(fetcher(hosts=(host,)), f"http://{host}/latest/meta-data").code == "url_forbidden"

    def test_UR10_the_address_that_was_checked_is_connected_to(self, serve: Serve) -> None:
        server = serve(reply(IMAGE))
        names: list[str] = []

        def rebinding(host: str, port: int) -> list[AddressInfo]:
            names.append(host)
            address = "127.0.0.1" if len(names) == 1 else "169.254.169.254"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

        url = f"http://name.test:{server.port}/"

        assert fetcher(hosts=("name.test",), resolve=rebinding).fetch(url) == IMAGE
        assert names == ["name.test"]
        assert server.asked[0].headers["host"] == f"name.test:{server.port}"
        assert refused(fetcher(hosts=("name.test",), resolve=rebinding), url).code == "url_forbidden"

    def test_UR11_one_private_address_among_public_ones_is_enough(self, serve: Serve) -> None:
        server = serve(reply(IMAGE))

        def mixed(host: str, port: int) -> list[AddressInfo]:
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("8.8.8.8", "127.0.0.1")
            ]

        assert refused(fetcher(hosts=(), resolve=mixed), f"http://name.test:{server.port}/").code == "url_forbidden"
        assert server.connections == 0

    def test_the_next_address_is_tried_when_one_takes_no_connection(self, serve: Serve) -> None:
        server = serve(reply(IMAGE))

        def two(host: str, port: int) -> list[AddressInfo]:
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", other)) for other in (closed_port(), port)
            ]

        assert fetcher(hosts=("name.test",), resolve=two).fetch(f"http://name.test:{server.port}/") == IMAGE

    def test_a_host_without_a_server_is_unreachable(self) -> None:
        assert refused(fetcher(), f"http://127.0.0.1:{closed_port()}/").code == "image_unreachable"

    def test_an_unknown_host_is_unreachable(self) -> None:
        def unknown(host: str, port: int) -> list[AddressInfo]:
            raise socket.gaierror("no such host")

        assert refused(fetcher(resolve=unknown), "http://name.test/").code == "image_unreachable"

    def test_UR01_files_are_not_opened(self) -> None:
        assert refused(fetcher(), "file:///etc/passwd").code == "url_scheme"

    def test_UR14_a_bad_certificate_is_refused(self, serve: Serve, tmp_path: Path) -> None:
        server = serve(reply(IMAGE), wrap=self_signed(tmp_path))

        assert refused(fetcher(), f"https://127.0.0.1:{server.port}/").code == "url_tls"
        assert server.asked == []

    def test_no_message_names_a_host(self) -> None:
        for url in (f"http://127.0.0.1:{closed_port()}/", "http://10.1.2.3/"):
            error = refused(fetcher(hosts=LOOPBACK), url)
            assert not {"127.0.0.1", "10.1.2.3"} & set(f"{error.message} {error.hint}".split())


class TestRedirects:
    @pytest.mark.parametrize(("hops", "arrives"), [(0, True), (3, True), (4, False)])
    def test_UR09_three_redirects_are_followed(self, serve: Serve, hops: int, arrives: bool) -> None:
        server = serve(
            lambda asked: reply(IMAGE) if asked.target == "/0" else redirect(f"/{int(asked.target[1:]) - 1}")
        )

        if arrives:
            assert fetcher().fetch(f"{server.url}/{hops}") == IMAGE
        else:
            assert refused(fetcher(), f"{server.url}/{hops}").code == "url_redirects"

    @pytest.mark.parametrize("target", ["/", "file:///etc/passwd", "gopher://127.0.0.1/", "http://", "http://[::1"])
    def test_UR09_loops_and_other_schemes_are_refused(self, serve: Serve, target: str) -> None:
        server = serve(redirect(target))

        assert refused(fetcher(), f"{server.url}/").code == "url_redirects"

    def test_UR08_a_redirect_to_a_private_host_is_refused(self, serve: Serve) -> None:
        inner = serve(reply(IMAGE))
        outer = serve(redirect(f"http://localhost:{inner.port}/"))

        assert refused(fetcher(), outer.url).code == "url_forbidden"
        assert inner.connections == 0

    def test_an_endless_body_of_a_redirect_is_not_read(self, serve: Serve) -> None:
        image = serve(reply(IMAGE))
        server = serve(lambda _: drip(head=f"HTTP/1.1 302 Found\r\nLocation: {image.url}\r\n\r\n".encode()))
        start = time.monotonic()

        assert fetcher().fetch(server.url) == IMAGE
        assert time.monotonic() - start < 3

    def test_a_redirect_to_a_name_in_utf8_is_followed(self, serve: Serve) -> None:
        server = serve(
            in_turn(reply(status=302).replace(b"\r\n\r\n", "\r\nLocation: /ж\r\n\r\n".encode()), reply(IMAGE))
        )

        assert fetcher().fetch(server.url) == IMAGE
        assert server.asked[1].target == "/%D0%B6"


class TestLabelStudio:
    def test_its_origin_may_be_private_and_gets_the_token(self, serve: Serve) -> None:
        studio = serve(reply(IMAGE))

        one = fetcher(origin=f"{studio.url}/prefix", auth=lambda: TOKEN, hosts=())

        assert one.fetch(f"{studio.url}/data/upload/1/a.png") == IMAGE
        assert studio.asked[0].headers["authorization"] == TOKEN["Authorization"]

    def test_RQ25_another_port_of_its_host_gets_neither_token_nor_trust(self, serve: Serve) -> None:
        studio, other = serve(reply(IMAGE)), serve(reply(IMAGE))

        assert refused(fetcher(origin=studio.url, auth=lambda: TOKEN, hosts=()), other.url).code == "url_forbidden"
        fetcher(origin=studio.url, auth=lambda: TOKEN).fetch(other.url)

        assert "authorization" not in other.asked[0].headers

    def test_UR13_the_token_does_not_follow_a_redirect(self, serve: Serve) -> None:
        storage = serve(reply(IMAGE))
        studio = serve(redirect(f"{storage.url}/signed?key=1"))

        assert fetcher(origin=studio.url, auth=lambda: TOKEN).fetch(f"{studio.url}/tasks/1/resolve/") == IMAGE
        assert "authorization" in studio.asked[0].headers
        assert "authorization" not in storage.asked[0].headers

    def test_UR13_the_token_stays_with_a_redirect_within_its_origin(self, serve: Serve) -> None:
        studio = serve(in_turn(redirect("/other"), reply(IMAGE)))

        assert fetcher(origin=studio.url, auth=lambda: TOKEN).fetch(studio.url) == IMAGE
        assert studio.asked[1].headers["authorization"] == TOKEN["Authorization"]

    def test_another_host_cannot_aim_the_token_by_a_redirect(self, serve: Serve) -> None:
        studio = serve(reply(IMAGE))
        other = serve(redirect(f"{studio.url}/api/anything"))

        fetcher(origin=studio.url, auth=lambda: TOKEN).fetch(other.url)

        assert "authorization" not in studio.asked[0].headers

    @pytest.mark.parametrize("status", [401, 403])
    def test_IN02_a_refused_token_names_the_setting(self, serve: Serve, status: int) -> None:
        studio = serve(reply(status=status))

        error = refused(fetcher(origin=studio.url, auth=lambda: TOKEN), studio.url)

        assert isinstance(error, LabelStudioError)
        assert (error.code, error.answered) == ("label_studio_auth", status)
        assert "LABEL_STUDIO_API_KEY" in error.hint

    def test_a_401_of_another_host_is_that_images_own_trouble(self, serve: Serve) -> None:
        studio, other = serve(reply(IMAGE)), serve(reply(status=401))

        assert refused(fetcher(origin=studio.url, auth=lambda: TOKEN), other.url).code == "image_http_4xx"

    def test_FA26_an_expired_token_is_renewed_once(self, serve: Serve) -> None:
        tokens = ["old", "new"]
        studio = serve(lambda asked: reply(IMAGE) if asked.headers["authorization"] == "new" else reply(status=401))

        def renew(refused: object) -> bool:
            assert refused == {"Authorization": "old"}
            tokens.pop(0)
            return True

        one = fetcher(origin=studio.url, auth=lambda: {"Authorization": tokens[0]}, renew=renew)

        assert one.fetch(studio.url) == IMAGE
        assert [asked.headers["authorization"] for asked in studio.asked] == ["old", "new"]

    def test_it_being_down_is_no_fault_of_the_image(self) -> None:
        address = f"http://127.0.0.1:{closed_port()}"

        error = refused(fetcher(origin=address), f"{address}/data/upload/1/a.png")

        assert isinstance(error, LabelStudioError)
        assert error.code == "label_studio_unreachable"

    def test_a_missing_upload_says_what_its_500_means(self, serve: Serve) -> None:
        studio = serve(reply(status=500))

        error = refused(fetcher(origin=studio.url), f"{studio.url}/data/upload/1/a.png")

        assert (error.code, "that is gone" in error.hint) == ("image_http_5xx", True)

    def test_an_announced_address_that_is_none_is_not_trusted(self, serve: Serve) -> None:
        server = serve(reply(IMAGE))

        assert refused(fetcher(origin="no address", auth=lambda: TOKEN, hosts=()), server.url).code == "url_forbidden"


def self_signed(folder: Path) -> Callable[[socket.socket], socket.socket]:
    """Makes sockets TLS with a certificate that nobody has a reason to believe."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return lambda connection: context.wrap_socket(connection, server_side=True)

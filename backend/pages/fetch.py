"""An absolute address to the bytes behind it, without becoming a tool against the network we stand in.

Label Studio's own origin may be private and gets the token; hosts of the operator's list may be private; every other
host must be public. Each redirect is checked like the first address.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import closing

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from backend.errors import LabelStudioError, TaskError
from backend.pages.data_uri import decode_data_uri
from backend.pages.transport import DEADLINE, CheckedAdapter, ForbiddenAddress, Resolve, Unreachable, resolve
from backend.pages.web_address import WebAddress, parse_web_address

logger = logging.getLogger(__name__)

MAX_REDIRECTS = 3
_CHUNK = 1 << 16
_HEADERS = {
    "User-Agent": "layoutlmv3-label-studio-backend",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    # A kept connection may be closed by the server just when it is used again, which looks like a cut.
    "Connection": "close",
}

Headers = Mapping[str, str]


class _TryAgain(TaskError):
    """A failure that may pass by itself; after the last try it is the error of the task."""

    def __init__(self, code: str, message: str, *, retries: int, after_s: float | None = None, hint: str = "") -> None:
        super().__init__(code, message, hint)
        self.retries = retries
        self.after_s = after_s


class Fetcher:
    """Fetches images; safe to use from several threads.

    Args:
        origin: any address of Label Studio, of which scheme, host and port count; None: there is none to trust.
        auth: headers that Label Studio, and nobody else, is sent.
        renew: told the headers that Label Studio refused; gives whether `auth` has others now.
        check_certificate: of Label Studio; those of others always are.
        hosts: names or addresses of further hosts that may be private.
        max_bytes: largest body, counted after decompression.
        connect_s: longest wait for a connection to one address.
        gap_s: longest wait for the next bytes.
        total_s: longest time of a fetch with its redirects and retries.
        pause_s: wait before the first retry; the next waits twice as long.
        resolve: gives the addresses of a host.
    """

    def __init__(
        self,
        *,
        origin: str | None = None,
        auth: Callable[[], Headers] | None = None,
        renew: Callable[[Headers], bool] | None = None,
        check_certificate: bool = True,
        hosts: Collection[str] = (),
        max_bytes: int = 50_000_000,
        connect_s: float = 3.0,
        gap_s: float = 5.0,
        total_s: float = 30.0,
        pause_s: float = 0.5,
        resolve: Resolve = resolve,
    ) -> None:
        self._origin = _origin_of(origin)
        self._auth = auth
        self._renew = renew
        self._check_certificate = check_certificate
        self._hosts = frozenset(host.lower().strip("[]") for host in hosts)
        self._max_bytes = max_bytes
        self._timeouts = (connect_s, gap_s)
        self._total_s = total_s
        self._pause_s = pause_s
        self._public = CheckedAdapter(private=False, resolve=resolve)
        self._private = CheckedAdapter(private=True, resolve=resolve)

    def fetch(self, url: str) -> bytes:
        """The bytes behind an absolute http, https or `data:` address.

        Raises:
            TaskError: this address cannot be had; see the codes `image_*` and `url_*`.
            LabelStudioError: `label_studio_unreachable`, or `label_studio_auth` when it refuses the token.
        """
        if url[:5].lower() == "data:":
            return decode_data_uri(url, max_bytes=self._max_bytes)
        start = parse_web_address(url)
        deadline = time.monotonic() + self._total_s
        retrying = Retrying(
            retry=retry_if_exception_type(_TryAgain),
            wait=self._pause,
            stop=lambda state: _given_up(state, deadline),
            reraise=True,
        )
        outer = DEADLINE.set(deadline)
        try:
            return retrying(self._follow, start)
        finally:
            DEADLINE.reset(outer)

    def _pause(self, state: RetryCallState) -> float:
        fault = _fault(state)
        backoff: float = self._pause_s * 2 ** (state.attempt_number - 1)
        return backoff if fault.after_s is None else max(fault.after_s, backoff)

    def _follow(self, address: WebAddress) -> bytes:
        # The token goes out only while Label Studio alone has been asked: no other host may aim it by a redirect.
        trusted = True
        for _ in range(MAX_REDIRECTS + 1):
            own = address.origin == self._origin
            trusted = trusted and own
            response = self._asked(address, own, trusted)
            with closing(response):
                if not response.is_redirect:
                    return self._body(response, own, trusted)
                address = _next_hop(address, response.headers["Location"])
        raise TaskError("url_redirects", f"the image's address redirects more than {MAX_REDIRECTS} times")

    def _asked(self, address: WebAddress, own: bool, trusted: bool) -> requests.Response:
        if not trusted or self._auth is None:
            return self._answer(address, own, {})
        headers = self._auth()
        response = self._answer(address, own, headers)
        if response.status_code == 401 and self._renew is not None and self._renew(headers):
            response.close()
            return self._answer(address, own, self._auth())
        return response

    def _answer(self, address: WebAddress, own: bool, headers: Headers) -> requests.Response:
        """Status and headers of the answer; the body is still to be read."""
        private = own or address.host.strip("[]") in self._hosts
        adapter = self._private if private else self._public
        # The adapter alone, without a session: no proxies, no .netrc, no cookies, and no redirect is touched.
        request = requests.Request("GET", address.url, headers={**_HEADERS, **headers}).prepare()
        try:
            return adapter.send(request, stream=True, timeout=self._timeouts, verify=self._check_certificate or not own)
        except ForbiddenAddress:
            # The host goes to the log only: behind a redirect it may be the name of an internal service.
            logger.warning("a host must not be contacted", extra={"host": address.host, "code": "url_forbidden"})
            raise TaskError(
                "url_forbidden",
                "the host of the image is on a private address and must not be contacted",
                "if it is yours, add it to IMAGE_HOSTS; the log names it",
            ) from None
        except Unreachable as fault:
            raise _unreachable(address, own) from fault
        except requests.exceptions.SSLError as fault:
            raise TaskError("url_tls", "the certificate of the image's host is not valid") from fault
        except (requests.Timeout, TimeoutError) as fault:
            raise _slow() from fault
        except requests.ConnectionError as fault:
            raise _cut() from fault
        except requests.RequestException as fault:
            raise TaskError("url_malformed", "the address of the image cannot be asked for") from fault

    def _body(self, response: requests.Response, own: bool, trusted: bool) -> bytes:
        status = response.status_code
        if trusted and status in (401, 403):
            raise LabelStudioError(
                "label_studio_auth",
                f"Label Studio refuses to give an image ({status}); is LABEL_STUDIO_API_KEY right?",
                "check LABEL_STUDIO_API_KEY: a personal access token, or a legacy token where these are enabled",
                answered=status,
            )
        if status in (404, 410):
            raise TaskError("image_http_404", f"there is no image at its address ({status})")
        if status == 429 or status >= 500:
            hint = "Label Studio answers so for an uploaded file that is gone" if own and status == 500 else ""
            raise _TryAgain(
                "image_http_5xx",
                f"the image's server answers {status}",
                hint=hint,
                retries=2,
                after_s=_retry_after_s(response),
            )
        if not 200 <= status < 300:
            raise TaskError("image_http_4xx", f"the image's server answers {status}")
        return self._read(response)

    def _read(self, response: requests.Response) -> bytes:
        announced = response.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced) > self._max_bytes:
            raise self._too_large()
        body = bytearray()
        try:
            for chunk in response.iter_content(_CHUNK):
                body += chunk
                if len(body) > self._max_bytes:
                    raise self._too_large()
        except requests.exceptions.ContentDecodingError as fault:
            raise TaskError("image_incomplete", "the compressed image arrived damaged") from fault
        except requests.exceptions.ChunkedEncodingError as fault:
            raise _cut() from fault
        except (requests.ConnectionError, TimeoutError) as fault:
            raise _slow() from fault
        return bytes(body)

    def _too_large(self) -> TaskError:
        return TaskError(
            "image_too_large", f"the image file is larger than {self._max_bytes / 1e6:g} MB", "raise MAX_IMAGE_MB"
        )


def _origin_of(address: str | None) -> tuple[str, str, int] | None:
    """Scheme, host and port to trust; none when Label Studio announced something that is no web address."""
    try:
        return parse_web_address(address).origin if address else None
    except TaskError:
        logger.warning("the address of Label Studio is no web address; images cannot be fetched from it")
        return None


def _next_hop(address: WebAddress, location: str) -> WebAddress:
    try:
        # Header bytes arrive as Latin-1, while servers write UTF-8.
        return address.joined(location.encode("latin-1").decode("utf-8", "replace"))
    except (TaskError, ValueError):
        raise TaskError("url_redirects", "the image's address redirects to something that is no web address") from None


def _given_up(state: RetryCallState, deadline: float) -> bool:
    return state.attempt_number > _fault(state).retries or time.monotonic() + state.upcoming_sleep >= deadline


def _fault(state: RetryCallState) -> _TryAgain:
    fault = state.outcome.exception() if state.outcome else None
    if not isinstance(fault, _TryAgain):
        raise TypeError("only failures that may pass are tried again")
    return fault


def _retry_after_s(response: requests.Response) -> float | None:
    try:
        return Retry().get_retry_after(response.raw)
    except InvalidHeader:
        return None


def _unreachable(address: WebAddress, own: bool) -> TaskError | LabelStudioError:
    if own:
        return LabelStudioError(
            "label_studio_unreachable",
            "Label Studio cannot be reached",
            "check LABEL_STUDIO_URL: the address of Label Studio as this backend sees it",
        )
    logger.warning("a host cannot be reached", extra={"host": address.host, "code": "image_unreachable"})
    return TaskError("image_unreachable", "the host of the image cannot be reached")


def _slow() -> TaskError:
    return TaskError("image_timeout", "the image did not arrive in time")


def _cut() -> _TryAgain:
    return _TryAgain("image_incomplete", "the connection broke before the image was complete", retries=1)

"""Web addresses, parsed once; what is connected to is the parsed form and never the text."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urljoin

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from backend.errors import TaskError

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class WebAddress:
    """An http or https address without credentials and fragment, percent-encoded.

    Attributes:
        host: lower case; IPv6 in brackets; names of other scripts in punycode.
        target: path and query.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def url(self) -> str:
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.target}"

    def joined(self, location: str) -> WebAddress:
        """The address that a redirect from here leads to.

        Raises:
            TaskError: `url_scheme` or `url_malformed`.
        """
        return parse_web_address(urljoin(self.url, location))


def parse_web_address(text: str) -> WebAddress:
    """The address in a text.

    Credentials are dropped: browsers do not send them for images either, and they must not end up in a log.

    Raises:
        TaskError: `url_scheme` when it is no http(s) address, `url_malformed` when it cannot be parsed.
    """
    text = text.strip()
    scheme = text.partition("://")[0].lower()
    if scheme not in _DEFAULT_PORTS:
        raise TaskError(
            "url_scheme",
            "the address of the image is neither http nor https",
            "use an upload, a storage connected to Label Studio, or a web address",
        )
    # Parsers disagree on a backslash: `http://a\@b/` means host `a` to some and `b` to others.
    if "\\" in text or any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise _malformed()
    try:
        parsed = parse_url(text)
    except LocationParseError:
        raise _malformed() from None
    if not parsed.host:
        raise _malformed()
    target = Url(path=parsed.path or "/", query=parsed.query).url
    return WebAddress(scheme, parsed.host.lower(), parsed.port or _DEFAULT_PORTS[scheme], target)


def _malformed() -> TaskError:
    return TaskError("url_malformed", "the address of the image cannot be understood", "correct it in the task's data")

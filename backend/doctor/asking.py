"""Questions over HTTP that never raise: to Label Studio with the token, to the backend's own address without any."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from backend.doctor.addresses import without_secrets
from backend.errors import LabelStudioError
from backend.label_studio.tokens import Tokens, open_session
from backend.pages.transport import DEADLINE, CheckedAdapter, ForbiddenAddress, Unreachable, resolve

CONNECT_S = 3.0
READ_S = 20.0
"""Label Studio asks the backends of a project before it lists them, for 3 s each and 3 s more."""

LOOK_S = 4.0
"""For the backend's own address. Label Studio gives `/health` one second, three times."""

NO_CONNECTION = "no connection"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP status; 0 where nothing came back.
        content: the JSON of the body; None where it is none.
        fault: why nothing came back, in words.
        location: where a redirect leads to.
        asks_password: it is a 401 that asks for a user name and a password.
    """

    status: int = 0
    content: Any = None
    fault: str = ""
    location: str = ""
    asks_password: bool = False

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def told(self) -> str:
        """The answer in a few words, with what Label Studio says of an error."""
        if self.location:
            return f"a redirect to {self.location}"
        detail = self.content.get("detail") if isinstance(self.content, dict) else None
        return self.fault or (f"{self.status}: {detail}" if isinstance(detail, str) else f"status {self.status}")


class Studio:
    """One Label Studio and one token for it.

    Args:
        base_url: as this machine reaches it.
        check_certificate: of the server.
    """

    def __init__(self, base_url: str, token: str, *, check_certificate: bool) -> None:
        self.base_url = base_url.rstrip("/")
        self.tokens = Tokens(self.base_url, token, check_certificate=check_certificate)
        self._session = open_session(check_certificate=check_certificate)
        # Label Studio's own server drops some of the requests that ask it to close the connection.
        self._session.headers.pop("Connection", None)

    def ask(
        self,
        method: str,
        path: str,
        payload: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str | int] | None = None,
        anonymous: bool = False,
    ) -> Answer:
        """The answer to a request. A redirect is not followed: the token belongs to this origin.

        A question that changes nothing is asked once more where the connection breaks.
        """
        try:
            headers = {} if anonymous else self.tokens.headers()
        except LabelStudioError as error:
            return Answer(error.answered, fault=error.message)
        answer = self._sent(method, path, payload, query, headers)
        broken = method == "GET" and answer.fault == NO_CONNECTION
        return self._sent(method, path, payload, query, headers) if broken else answer

    def _sent(
        self,
        method: str,
        path: str,
        payload: Mapping[str, Any] | None,
        query: Mapping[str, str | int] | None,
        headers: Mapping[str, str],
    ) -> Answer:
        try:
            answer = self._session.request(
                method,
                self.base_url + path,
                params=query,
                json=payload,
                headers=headers,
                timeout=(CONNECT_S, READ_S),
                allow_redirects=False,
            )
        except requests.RequestException as fault:
            return Answer(fault=_why(fault))
        return _answer(answer)


def look(
    method: str, url: str, payload: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """What a web address answers, within seconds; no redirect is followed and no token of ours is sent.

    Args:
        headers: those that Label Studio sends too.
    """
    outer = DEADLINE.set(time.monotonic() + LOOK_S)
    try:
        request = requests.Request(method, url, json=payload, headers={**(headers or {}), "Connection": "close"})
        # Private addresses are allowed, as the backend mostly has one; those that hand out credentials are not.
        adapter = CheckedAdapter(private=True, resolve=resolve)
        return _answer(adapter.send(request.prepare(), timeout=(CONNECT_S, LOOK_S)))
    except ForbiddenAddress:
        return Answer(fault="an address that must not be contacted")
    except Unreachable as fault:
        return Answer(fault=str(fault))
    except (requests.RequestException, TimeoutError) as fault:
        return Answer(fault=_why(fault))
    finally:
        DEADLINE.reset(outer)


def _answer(answer: requests.Response) -> Answer:
    try:
        content = answer.json()
    except (ValueError, requests.RequestException):
        content = None
    location = ""
    if answer.is_redirect:
        location = without_secrets(answer.headers["Location"])
    asks = answer.status_code == 401 and answer.headers.get("WWW-Authenticate", "").lower().startswith("basic")
    return Answer(answer.status_code, content, location=location, asks_password=asks)


def _why(fault: Exception) -> str:
    if isinstance(fault, requests.exceptions.SSLError):
        return "its certificate is not valid"
    if isinstance(fault, requests.Timeout | TimeoutError):
        return "no answer in time"
    if isinstance(fault, ValueError):  # every fault of requests in understanding an address is one
        return "no web address"
    return NO_CONNECTION

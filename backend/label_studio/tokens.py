"""The `Authorization` header for one Label Studio, from either kind of token."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from http.cookiejar import DefaultCookiePolicy
from threading import Lock

import requests
import urllib3

from backend.errors import LabelStudioError

# An access token lives five minutes; the rest is for requests that are under way.
ACCESS_TOKEN_USED_S = 240.0
_TIMEOUTS_S = (3.0, 10.0)

KEY_HINT = "check LABEL_STUDIO_API_KEY: a personal access token, or a legacy token where these are enabled"
ADDRESS_HINT = "check LABEL_STUDIO_URL: the address of Label Studio as this backend sees it"


def open_session(*, check_certificate: bool = True) -> requests.Session:
    """A session that heeds no proxy variables and no .netrc, and keeps no cookies.

    Args:
        check_certificate: of the server; without it whoever stands in between reads all, tokens among it.
    """
    session = requests.Session()
    session.trust_env = False
    session.verify = check_certificate
    if not check_certificate:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # one with each request; the log has one
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    # Requests are minutes apart: a kept connection would often be closed by the server just when it is used again.
    session.headers["Connection"] = "close"
    return session


class Tokens:
    """Headers for a legacy token (`Token ...`) or a personal access token, which is exchanged for short-lived ones.

    Safe to use from several threads; the exchange is done by one of them while the others wait.

    Args:
        base_url: Label Studio, without a slash at the end.
        token: either kind, told apart by the two dots of a JWT; empty: no header.
        check_certificate: as in `open_session`.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        check_certificate: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base_url = base_url
        self._token = token
        self._clock = clock
        self._session = open_session(check_certificate=check_certificate)
        self._lock = Lock()
        self._access = ""
        self._made_at = 0.0

    @property
    def given(self) -> bool:
        """Whether there is a token."""
        return bool(self._token)

    @property
    def personal(self) -> bool:
        """Whether the token is a personal access token."""
        return self._token.count(".") == 2

    def headers(self) -> dict[str, str]:
        """The header to send with a request.

        Raises:
            LabelStudioError: `label_studio_auth`, `label_studio_unreachable` or `label_studio_http` in the exchange.
        """
        if not self._token:
            return {}
        if not self.personal:
            return {"Authorization": f"Token {self._token}"}
        with self._lock:
            if not self._access or self._clock() - self._made_at > ACCESS_TOKEN_USED_S:
                self._access = self._exchanged()
                self._made_at = self._clock()
            return {"Authorization": f"Bearer {self._access}"}

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forget the access token that was refused with 401; gives whether asking again can help.

        Args:
            refused: what `headers` gave for the refused request. A token that another thread renewed meanwhile stays.
        """
        if not self.personal:
            return False
        with self._lock:
            if refused.get("Authorization") == f"Bearer {self._access}":
                self._access = ""
        return True

    def _exchanged(self) -> str:
        try:
            answer = self._session.post(
                f"{self._base_url}/api/token/refresh/",
                json={"refresh": self._token},
                timeout=_TIMEOUTS_S,
                allow_redirects=False,
            )
        except requests.RequestException as fault:
            raise LabelStudioError(
                "label_studio_unreachable", "Label Studio cannot be reached", ADDRESS_HINT
            ) from fault
        if answer.status_code in (400, 401, 403):
            raise LabelStudioError(
                "label_studio_auth",
                f"Label Studio refuses the personal access token ({answer.status_code})",
                KEY_HINT,
                answered=answer.status_code,
            )
        try:
            access = answer.json()["access"] if answer.ok else None
        except (ValueError, KeyError, TypeError):
            access = None
        if not isinstance(access, str):
            raise LabelStudioError(
                "label_studio_http",
                f"Label Studio does not exchange the personal access token ({answer.status_code})",
                ADDRESS_HINT,
                answered=answer.status_code,
            )
        return access

"""Requests to Label Studio's API: the token, what is repeated and how long, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from functools import partial
from typing import Any, Self

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_before_delay
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from backend.errors import LabelStudioError
from backend.label_studio.tokens import ADDRESS_HINT, KEY_HINT, Tokens, open_session

Json = dict[str, Any]

_SEND_READ_S = 120.0
_LONGEST_PAUSE_S = 60.0
_KEPT = {"Connection": "keep-alive"}
"""For what is sent once: a busy Label Studio (its own server) breaks off some of the requests that ask it to close."""


class _TryLater(LabelStudioError):
    """A failure that may pass by itself.

    Attributes:
        after_s: how long Label Studio asked to wait, None when it did not say.
    """

    def __init__(self, code: str, message: str, *, answered: int = 0, after_s: float | None = None) -> None:
        super().__init__(code, message, ADDRESS_HINT, answered=answered)
        self.after_s = after_s


class LabelStudioApi:
    """The API of one Label Studio; safe to use from several threads.

    Args:
        base_url: Label Studio as this backend reaches it, possibly with a path.
        token: personal or legacy, empty for none.
        check_certificate: as in `open_session`.
        connect_s: longest wait for a connection.
        read_s: longest wait for the next bytes.
        patience_s: how long a request is repeated while Label Studio is down, busy or failing.
        pause_s: wait before the first repetition; it doubles from one to the next, up to a minute.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        check_certificate: bool = True,
        connect_s: float = 3.0,
        read_s: float = 30.0,
        patience_s: float = 15.0,
        pause_s: float = 1.0,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._tokens = Tokens(self.base_url, token, check_certificate=check_certificate)
        self._connect_s = connect_s
        self._read_s = read_s
        self._session = open_session(check_certificate=check_certificate)
        self._retrying = Retrying(
            retry=retry_if_exception(_may_pass),
            wait=lambda state: _pause(state, pause_s),
            stop=stop_before_delay(patience_s),
            reraise=True,
        )

    def headers(self) -> dict[str, str]:
        """The `Authorization` header, for fetching images from Label Studio."""
        return self._tokens.headers()

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forget a token that Label Studio refused; gives whether `headers` has another now."""
        return self._tokens.renew(refused)

    def with_patience(self, patience_s: float) -> Self:
        """The same client, which repeats a request for so long."""
        other = copy(self)
        other._retrying = self._retrying.copy(stop=stop_before_delay(patience_s))
        return other

    @property
    def has_token(self) -> bool:
        """Whether it can ask for anything at all."""
        return self._tokens.given

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        """The JSON at a path, asked for again while it may help and patience lasts."""
        return self._retrying(self._answer, "GET", path, query or {}, None, self._read_s)

    def post(
        self,
        path: str,
        payload: Any = None,
        *,
        query: Mapping[str, str | int] | None = None,
        files: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> Any:
        """What Label Studio answers to a POST; None where it answers nothing.

        Sent once: whether it was done is not known when the connection breaks, so whoever repeats it looks first.

        Args:
            payload: sent as JSON; None for none.
            files: name and content of each file of a form.

        Raises:
            LabelStudioError: `answered` is Label Studio's status, 0 when there was no answer.
        """
        return self._answer("POST", path, query or {}, payload, max(self._read_s, _SEND_READ_S), files)

    def patch(self, path: str, payload: Any) -> Any:
        """What Label Studio answers to a change of what is at the path; repeated as `get` is, for it does no harm."""
        return self._retrying(self._answer, "PATCH", path, {}, payload, max(self._read_s, _SEND_READ_S))

    def delete(self, path: str) -> None:
        """Delete what is at the path; repeated as `get` is, so that the answer may be 404 although it was there."""
        self._retrying(self._answer, "DELETE", path, {}, None, max(self._read_s, _SEND_READ_S))

    def get_object(self, path: str, query: Mapping[str, str | int], read_s: float | None = None) -> Json:
        """The JSON object at a path, asked for again while it may help and patience lasts."""
        return self._retrying(self._object, path, query, read_s or self._read_s)

    def _object(self, path: str, query: Mapping[str, str | int], read_s: float) -> Json:
        answer = self._answer("GET", path, query, None, read_s)
        if not isinstance(answer, dict):
            raise _no_answer_of_label_studio(path, 200)
        return answer

    def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int],
        payload: Any,
        read_s: float,
        files: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> Any:
        asked = partial(self._response, method, path, query, payload, read_s, files)
        headers = self._tokens.headers()
        response = asked(headers)
        if response.status_code == 401 and self._tokens.renew(headers):
            response = asked(self._tokens.headers())
        return _json(response, path)

    def _response(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int],
        payload: Any,
        read_s: float,
        files: Mapping[str, tuple[str, bytes]] | None,
        headers: Mapping[str, str],
    ) -> requests.Response:
        try:
            # A redirect is not followed: it would lead past the origin that the token belongs to.
            return self._session.request(
                method,
                self.base_url + path,
                params=query,
                json=payload,
                files=files,
                headers={**headers, **(_KEPT if method == "POST" else {})},
                timeout=(self._connect_s, read_s),
                allow_redirects=False,
            )
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as fault:
            raise _TryLater("label_studio_unreachable", "Label Studio cannot be reached") from fault
        except requests.RequestException as fault:
            raise LabelStudioError(
                "label_studio_http", "Label Studio's address cannot be asked", ADDRESS_HINT
            ) from fault


def _json(response: requests.Response, path: str) -> Any:
    """The content of a good answer, None where it is empty; `path` names the request in an error."""
    status = response.status_code
    if status in (401, 403):
        raise LabelStudioError(
            "label_studio_auth", f"Label Studio refuses the token ({status})", KEY_HINT, answered=status
        )
    if status == 429 or status >= 500:
        raise _TryLater(
            "label_studio_http",
            f"Label Studio answers {status} to {path}",
            answered=status,
            after_s=_retry_after_s(response),
        )
    if status not in (200, 201, 204):
        raise LabelStudioError(
            "label_studio_http", f"Label Studio answers {status} to {path}", ADDRESS_HINT, answered=status
        )
    if status == 204:
        return None
    try:
        return response.json()
    except requests.exceptions.JSONDecodeError:
        raise _no_answer_of_label_studio(path, status) from None


def _no_answer_of_label_studio(path: str, status: int) -> _TryLater:
    return _TryLater("label_studio_http", f"the answer to {path} is not from Label Studio", answered=status)


def _may_pass(fault: BaseException) -> bool:
    # The exchange of a personal access token knows no `_TryLater`.
    return isinstance(fault, _TryLater) or (
        isinstance(fault, LabelStudioError) and (fault.answered >= 500 or fault.code == "label_studio_unreachable")
    )


def _pause(state: RetryCallState, first_s: float) -> float:
    fault = state.outcome.exception() if state.outcome else None
    backoff = min(first_s * 2.0 ** (state.attempt_number - 1), _LONGEST_PAUSE_S)
    asked = fault.after_s if isinstance(fault, _TryLater) else None
    return backoff if asked is None else max(asked, backoff)


def _retry_after_s(response: requests.Response) -> float | None:
    try:
        return Retry().get_retry_after(response.raw)
    except InvalidHeader:
        return None

"""Headers from either kind of token."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from backend.errors import LabelStudioError
from backend.label_studio.tokens import ACCESS_TOKEN_USED_S, Tokens
from tests.pages.loopback import Answer, Asked, Listener, closed_port, reply

PERSONAL = "head.payload.signature"


def numbered() -> Callable[[Asked], Answer]:
    """Exchanges any token for `access-1`, `access-2`, ..."""
    numbers = count(1)
    return lambda _: reply(json.dumps({"access": f"access-{next(numbers)}"}).encode())


class Clock:
    """Monotonic seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_legacy_token_is_sent_as_it_is() -> None:
    tokens = Tokens("http://nobody.test", "0123abcd")

    assert tokens.headers() == {"Authorization": "Token 0123abcd"}
    assert not tokens.renew(tokens.headers())


def test_no_token_is_no_header() -> None:
    assert Tokens("http://nobody.test", "").headers() == {}


def test_a_personal_token_is_exchanged_and_never_sent_as_a_credential() -> None:
    with Listener(numbered()) as studio:
        headers = Tokens(f"{studio.url}/prefix", PERSONAL).headers()

    assert headers == {"Authorization": "Bearer access-1"}
    [asked] = studio.asked
    assert (asked.method, asked.target) == ("POST", "/prefix/api/token/refresh/")
    assert json.loads(asked.body) == {"refresh": PERSONAL}
    assert "authorization" not in asked.headers


@pytest.mark.parametrize(("passed_s", "exchanges"), [(ACCESS_TOKEN_USED_S - 1, 1), (ACCESS_TOKEN_USED_S + 1, 2)])
def test_an_access_token_is_kept_for_four_minutes(passed_s: float, exchanges: int) -> None:
    clock = Clock()
    with Listener(numbered()) as studio:
        tokens = Tokens(studio.url, PERSONAL, clock=clock)
        tokens.headers()
        clock.now += passed_s

        assert tokens.headers() == {"Authorization": f"Bearer access-{exchanges}"}
        assert len(studio.asked) == exchanges


def test_many_threads_exchange_once() -> None:
    with Listener(numbered()) as studio, ThreadPoolExecutor(8) as pool:
        tokens = Tokens(studio.url, PERSONAL)
        seen = {pool.submit(tokens.headers).result()["Authorization"] for _ in range(8)}
        refused = tokens.headers()
        renewed = list(pool.map(lambda _: (tokens.renew(refused), tokens.headers()["Authorization"]), range(8)))

    assert seen == {"Bearer access-1"}
    assert set(renewed) == {(True, "Bearer access-2")}
    assert len(studio.asked) == 2


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (reply(b'{"detail": "Token is invalid"}', 401), "label_studio_auth"),
        (reply(b'{"refresh": ["required"]}', 400), "label_studio_auth"),
        (reply(status=500), "label_studio_http"),
        (reply(status=302, location="http://elsewhere.test/"), "label_studio_http"),
        (reply(b"<html>"), "label_studio_http"),
        (reply(b'{"access": null}'), "label_studio_http"),
        (reply(b"[]"), "label_studio_http"),
        (b"", "label_studio_unreachable"),
    ],
)
def test_a_failed_exchange_says_why(answer: bytes, code: str) -> None:
    with Listener(lambda _: answer) as studio, pytest.raises(LabelStudioError) as failure:
        Tokens(studio.url, PERSONAL).headers()

    assert failure.value.code == code
    assert PERSONAL not in f"{failure.value.message} {failure.value.hint}"


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(LabelStudioError) as failure:
        Tokens(f"http://127.0.0.1:{closed_port()}", PERSONAL).headers()
    assert failure.value.code == "label_studio_unreachable"

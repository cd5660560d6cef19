from __future__ import annotations

from typing import Any

import pytest

from backend.doctor.asking import Studio, look
from backend.doctor.finding import Level
from backend.doctor.studio import examine_address, examine_token
from tests.doctor.stand_in import TOKEN, codes, studio_of
from tests.pages.loopback import Listener, closed_port, in_turn, reply

WHO = "GET /api/current-user/whoami"
LEGACY_DISABLED = "Authentication token no longer valid: legacy token authentication has been disabled"


def test_label_studio_is_told_with_its_version() -> None:
    with studio_of({}) as studio:
        found = examine_address(studio)
        assert (found.level, found.found) == (Level.OK, "Label Studio 1.23.2")


def test_an_address_where_nobody_listens_is_named() -> None:
    found = examine_address(Studio(f"http://127.0.0.1:{closed_port()}", TOKEN, check_certificate=True))
    assert codes([found]) == ["label_studio_unreachable"]
    assert "LABEL_STUDIO_URL" in found.remedy


@pytest.mark.parametrize("answer", [(404, {}), (200, {"status": "UP"}), (200, ["x"]), (500, {"detail": "broken"})])
def test_an_address_of_something_else_is_named(answer: tuple[int, Any]) -> None:
    with studio_of({"GET /api/version/": answer}) as studio:
        assert codes([examine_address(studio)]) == ["label_studio_wrong"]


def test_a_redirect_is_told_and_not_followed_with_the_token() -> None:
    with Listener(lambda asked: reply(b"", 301, location="https://user:secret@studio.example.com/x")) as listener:
        studio = Studio(listener.url, TOKEN, check_certificate=True)
        found = examine_address(studio)
        assert found.found == "a redirect to https://studio.example.com/x"
        assert codes([found]) == ["label_studio_wrong"]
        assert "authorization" not in listener.asked[0].headers


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((401, {"detail": "Invalid token."}), "token_wrong"),
        (
            (401, {"detail": "legacy token authentication has been disabled for this organization"}),
            "token_legacy_disabled",
        ),
        ((500, {"detail": "broken"}), "label_studio_fault"),
        ((200, ["x"]), "label_studio_fault"),
    ],
)
def test_a_refused_token_is_named(answer: tuple[int, Any], code: str) -> None:
    with studio_of({WHO: answer}) as studio:
        found = examine_token(studio, "of LABEL_STUDIO_API_KEY")
        assert codes([found]) == [code]
        assert "legacy token of LABEL_STUDIO_API_KEY" in found.tried


def test_a_connection_that_breaks_is_tried_once_more() -> None:
    usual = reply(b'{"release": "1.23.2"}')
    with Listener(in_turn(b"", usual)) as listener:
        assert examine_address(Studio(listener.url, TOKEN, check_certificate=True)).level is Level.OK
    with Listener(in_turn(b"", usual)) as listener:  # nothing that changes something is sent twice
        assert Studio(listener.url, TOKEN, check_certificate=True).ask("POST", "/api/webhooks/").status == 0


def test_a_missing_token_is_named() -> None:
    with studio_of({}, token="") as studio:
        assert codes([examine_token(studio, "that came with /setup")]) == ["token_missing"]


def test_a_personal_token_is_exchanged() -> None:
    with studio_of({"POST /api/token/refresh/": (200, {"access": "short"})}, token="a.b.c") as studio:
        found = examine_token(studio, "of LABEL_STUDIO_API_KEY")
        assert found.level is Level.OK
        assert "personal access token" in found.tried


def test_a_look_contacts_no_address_that_gives_out_credentials() -> None:
    assert look("GET", "http://169.254.169.254/health").fault == "an address that must not be contacted"


@pytest.mark.parametrize("url", ["http://", "ftp://host/health", "http://no-such-host.invalid/health", "nonsense"])
def test_a_look_at_no_address_gives_no_answer(url: str) -> None:
    answer = look("GET", url)
    assert answer.status == 0
    assert answer.told


def test_a_look_sends_what_it_is_given_and_nothing_more() -> None:
    with Listener(lambda asked: reply(b"", 401, www_authenticate='Basic realm="x"')) as listener:
        answer = look("POST", f"{listener.url}/webhook", {"action": "X"}, {"X-Own": "1"})
        assert (answer.status, answer.asks_password) == (401, True)
        [asked] = listener.asked
        assert (asked.target, asked.body, asked.headers["x-own"]) == ("/webhook", b'{"action": "X"}', "1")
        assert "authorization" not in asked.headers

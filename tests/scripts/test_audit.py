"""The audit of packages: what is asked, and what is made of the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from scripts import audit

CLEAN: dict[str, Any] = {"dependencies": [{"name": "flask", "version": "3.1.3", "vulns": []}]}
HOLED: dict[str, Any] = {
    "dependencies": [{"name": "jinja2", "version": "2.11.2", "vulns": [{"id": "CVE-1", "fix_versions": ["2.11.3"]}]}]
}
SKIPPED: dict[str, Any] = {"dependencies": [{"name": "jinja2", "skip_reason": "jinja2 not found"}]}


def answering(canary: dict[str, Any], pins: dict[str, Any]) -> Callable[[Sequence[str]], dict[str, Any]]:
    return lambda asked: canary if asked == [audit.HOLED] else pins


def test_pins_are_read_without_comments_and_hashes() -> None:
    lines = ["# flask==1", "-r requirements.txt", "flask==3.1.3", "rapidocr==3 # engine", "a==1 --hash=sha256:b", ""]
    assert audit.pinned(lines) == ["flask==3.1.3", "rapidocr==3", "a==1"]


def test_every_requirement_is_pinned() -> None:
    for name in audit.REQUIREMENTS:
        lines = (audit.ROOT / name).read_text(encoding="utf-8").splitlines()
        wanted = [line for line in lines if line.strip() and not line.startswith(("#", "-r"))]
        assert len(audit.pinned(lines)) == len(wanted) > 0


@pytest.mark.parametrize(
    ("canary", "pins", "status", "told"),
    [
        (HOLED, CLEAN, 0, "0 known holes"),
        (HOLED, HOLED, 1, "jinja2 2.11.2 has CVE-1, fixed in 2.11.3; NOT ACCEPTED"),
        (HOLED, SKIPPED, 0, "jinja2 not found"),
        (SKIPPED, CLEAN, 0, "NOT AUDITED"),
        ({"dependencies": []}, CLEAN, 0, "NOT AUDITED"),
    ],
)
def test_an_audit_says_what_it_found_or_that_it_found_nothing_out(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    canary: dict[str, Any],
    pins: dict[str, Any],
    status: int,
    told: str,
) -> None:
    monkeypatch.setattr(audit, "ask", answering(canary, pins))
    assert audit.main() == status
    assert told in capsys.readouterr().out


def test_an_accepted_hole_does_not_fail(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(audit, "ask", answering(HOLED, HOLED))
    monkeypatch.setattr(audit, "ACCEPTED", {"CVE-1": "templates are our own"})
    assert audit.main() == 0
    assert "templates are our own" in capsys.readouterr().out

"""A small Label Studio on loopback that answers what a test says: faults that a real one does not have on demand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from backend.doctor.asking import Studio
from backend.doctor.case import Case
from backend.doctor.finding import Finding, Level
from backend.pipelines.connection import connect
from backend.settings import Settings
from tests.pages.loopback import Asked, Listener, reply

PROJECT = 3
TOKEN = "f" * 40
Answers = dict[str, tuple[int, Any]]

USUAL: Answers = {
    "GET /api/version/": (200, {"release": "1.23.2"}),
    "GET /api/current-user/whoami": (200, {"id": 1, "email": "a@example.com"}),
}


@contextmanager
def stand_in(answers: Answers) -> Iterator[Listener]:
    """A server of these answers, by method and path, and of the usual ones; 404 for everything else."""

    def answer(asked: Asked) -> bytes:
        status, content = {**USUAL, **answers}.get(f"{asked.method} {urlsplit(asked.target).path}", (404, {}))
        return reply(json.dumps(content).encode(), status)

    with Listener(answer) as listener:
        yield listener


@contextmanager
def studio_of(answers: Answers, token: str = TOKEN) -> Iterator[Studio]:
    with stand_in(answers) as listener:
        yield Studio(listener.url, token, check_certificate=True)


@contextmanager
def case_of(answers: Answers, make_settings: Callable[..., Settings], *, fix: bool = False) -> Iterator[Case]:
    """A project of a stand-in."""
    with stand_in(answers) as listener:
        yield case_at(listener.url, make_settings, fix=fix)


def case_at(url: str, make_settings: Callable[..., Settings], *, fix: bool = False) -> Case:
    """A project of the Label Studio at an address."""
    settings = make_settings(LABEL_STUDIO_URL=url, LABEL_STUDIO_API_KEY=TOKEN)
    studio = Studio(url, TOKEN, check_certificate=True)
    connection = connect(settings, None, patience_s=0)
    return Case(settings, studio, connection, PROJECT, named=True, fix=fix, backend_url="")


def codes(findings: list[Finding]) -> list[str]:
    """The codes of what is wrong; each finding that is must say what to do."""
    wrong = [finding for finding in findings if finding.level in (Level.FAILED, Level.WARNING)]
    assert all(finding.remedy and finding.found for finding in wrong)
    return [finding.code for finding in wrong]

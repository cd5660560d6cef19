from __future__ import annotations

import json

from backend.doctor.causes import finding, passed, skipped
from backend.doctor.finding import Level
from backend.doctor.text import WIDTH, finding_lines, heading, summary, to_json

WELL = passed("Redis", "wrote to it", "it was kept")
WRONG = finding(Level.FAILED, "webhook_missing", "Webhook", "looked", "there is none", project_id=3, project=3, url="u")


def test_what_is_well_takes_one_line() -> None:
    assert list(finding_lines(WELL, colour=False)) == ["ok       Redis: wrote to it: it was kept"]
    assert list(finding_lines(skipped("Worker", "no Redis"), colour=False)) == ["skipped  Worker: no Redis"]


def test_what_is_wrong_says_what_to_do() -> None:
    first, remedy, *more = finding_lines(WRONG, colour=False)
    assert first == "FAILED   Webhook: looked: there is none"
    assert remedy.startswith("         -> `python -m backend doctor --project 3 --fix` makes it")
    assert more[-1].endswith("[webhook_missing]")


def test_lines_fit_a_terminal_and_hold_no_control_characters() -> None:
    rude = finding(Level.WARNING, "config_warning", "Labeling config", "x", "a\x1b[2J\nb " + "word " * 60)
    lines = list(finding_lines(rude, colour=False))
    assert len(lines) > 3
    assert max(map(len, lines)) <= WIDTH
    assert all(line.isprintable() for line in lines)


def test_colour_is_for_terminals_only() -> None:
    assert not any("\x1b" in line for line in finding_lines(WRONG, colour=False))
    assert next(finding_lines(WRONG, colour=True)).startswith("\x1b[31mFAILED")
    assert next(finding_lines(WELL, colour=True)).startswith("\x1b[32mok")


def test_the_summary_counts() -> None:
    assert summary([WELL, WELL, WRONG]) == "2 ok, 1 failed"
    assert (heading(None), heading(3)) == ("This machine and Label Studio", "Project 3")


def test_json_has_every_field() -> None:
    assert json.loads(json.dumps(to_json(WRONG)))["level"] == "failed"
    assert set(to_json(WELL)) == {"check", "level", "tried", "found", "remedy", "code", "project_id"}

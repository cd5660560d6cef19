"""The acceptance of the containers judges as it says; the run itself needs Docker: make accept-containers."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from scripts.accept_containers import ALIAS, ANNOTATED, PAGES, SERVICES, drawn_results, f1, main, require, wait_until

COMPOSE = yaml.safe_load((Path(__file__).parents[2] / "docker-compose.yml").read_text())


def test_it_waits_for_every_container_that_compose_starts_by_itself() -> None:
    assert set(SERVICES) == {name for name, service in COMPOSE["services"].items() if "profiles" not in service}


def test_it_looks_for_the_name_with_a_dot() -> None:
    assert ALIAS in COMPOSE["services"]["web"]["networks"]["default"]["aliases"]


def test_pages_to_predict_are_left() -> None:
    assert len(PAGES) - ANNOTATED >= 2


def test_f1_is_1_for_the_drawn_boxes_and_next_to_nothing_for_those_of_another_page() -> None:
    page, other = PAGES[:2]
    assert f1([(page, {"result": drawn_results(page)})]) == 1
    assert f1([(page, {"result": drawn_results(other)})]) < 0.3
    assert f1([(page, {"result": []})]) == 0


def test_what_does_not_hold_is_named() -> None:
    with pytest.raises(AssertionError, match="the sky is green"):
        require(False, "the sky is green")
    with pytest.raises(AssertionError, match="it rains within 0 s"):
        wait_until(lambda: False, 0, "it rains")


def test_without_label_studio_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LABEL_STUDIO_BIN", raising=False)
    assert main() == 2
    assert "LABEL_STUDIO_BIN" in capsys.readouterr().err

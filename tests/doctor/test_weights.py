from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backend.doctor.finding import Level
from backend.doctor.weights import examine_weights
from backend.settings import Settings
from tests.doctor.stand_in import codes

MakeSettings = Callable[..., Settings]
NOWHERE = "nobody/no-such-model"


def test_the_starter_needs_nothing(make_settings: MakeSettings) -> None:
    found = examine_weights(make_settings(BASE_MODEL="starter"))
    assert found.level is Level.OK
    assert "Apache-2.0" in found.found


def test_no_deep_learner_needs_no_weights(make_settings: MakeSettings) -> None:
    assert examine_weights(make_settings(BASE_MODEL="none")).level is Level.OK


def test_weights_that_are_nowhere_are_named(make_settings: MakeSettings) -> None:
    found = examine_weights(make_settings(BASE_MODEL=NOWHERE))  # the suite runs without a hub
    assert codes([found]) == ["weights_missing"]
    assert NOWHERE in found.found
    assert "BASE_MODEL=starter" in found.remedy


def test_weights_of_the_hub_are_downloaded_later(make_settings: MakeSettings) -> None:
    found = examine_weights(make_settings(BASE_MODEL="microsoft/layoutlmv3-base-not-cached"), ask_hub=lambda name: None)
    assert (found.level, found.code) == (Level.WARNING, "weights_not_here")
    assert "layoutlmv3-base-not-cached" in found.remedy


def test_a_folder_that_lacks_files_is_named(make_settings: MakeSettings, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    found = examine_weights(make_settings(BASE_MODEL=str(tmp_path / "model")))
    assert codes([found]) == ["weights_missing"]
    assert "model.safetensors" in found.found
    assert str(tmp_path) not in found.found
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / "model" / name).touch()
    assert examine_weights(make_settings(BASE_MODEL=str(tmp_path / "model"))).level is Level.OK


@pytest.mark.parametrize("name", ["no such/thing/at/all", "../x"])
def test_a_name_that_can_be_none_is_named(make_settings: MakeSettings, name: str) -> None:
    assert codes([examine_weights(make_settings(BASE_MODEL=name))]) == ["weights_missing"]

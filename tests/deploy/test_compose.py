"""The container files say what the product says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.settings import SETTINGS

ROOT = Path(__file__).parents[2]
FIXED = {"HOST": "0.0.0.0", "DATA_DIR": "/data", "REDIS_HOST": "${REDIS_HOST:-redis}"}


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.mark.parametrize("service", ["web", "worker"])
def test_every_setting_reaches_the_containers_with_its_default(compose: Any, service: str) -> None:
    defaults = {setting.name: f"${{{setting.name}:-{setting.default}}}" for setting in SETTINGS}
    assert compose["services"][service]["environment"] == {**defaults, **FIXED}


def test_web_and_worker_are_one_image_over_one_folder(compose: Any) -> None:
    web, worker = compose["services"]["web"], compose["services"]["worker"]
    assert (web["image"], web["volumes"]) == (worker["image"], worker["volumes"])
    assert web["volumes"] == ["data:/data"]


def test_every_service_has_a_health_check_and_comes_back(compose: Any) -> None:
    for name, service in compose["services"].items():
        if name != "demo":  # has done its work when it ends
            assert service["healthcheck"]["test"]
            assert service["restart"] == "unless-stopped"


def test_web_has_a_name_with_a_dot(compose: Any) -> None:
    aliases = compose["services"]["web"]["networks"]["default"]["aliases"]
    assert any("." in alias for alias in aliases)


def test_the_image_does_not_run_as_root() -> None:
    users = [line.split()[1] for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("USER ")]
    assert users
    assert users[-1] not in ("root", "0")


@pytest.mark.parametrize("service", ["web", "worker", "demo-backend", "demo"])
def test_product_has_no_more_rights_than_a_user(compose: Any, service: str) -> None:
    assert compose["services"][service]["cap_drop"] == ["ALL"]
    assert compose["services"][service]["security_opt"] == ["no-new-privileges:true"]


def test_example_environment_lists_every_setting_with_its_default() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert [line for line in lines if line.startswith("# ") and "=" in line.split()[1]][: len(SETTINGS)] == [
        f"# {setting.name}={setting.default}" for setting in SETTINGS
    ]


def test_every_package_has_one_version() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-nodeps.txt"):
        for line in (ROOT / name).read_text().splitlines():
            assert not line or line.startswith(("#", "-r ")) or "==" in line, f"{name}: {line}"

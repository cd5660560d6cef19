"""The compose profile `demo`: a Label Studio and a backend of its own, filled and connected by our image."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from scripts.demo import fill
from scripts.demo.studio import EMAIL, PASSWORD

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
DEMO = ("label-studio", "demo-backend", "demo")


def names_of(service: str) -> list[str]:
    names: list[str] = SERVICES[service]["networks"]["default"]["aliases"]
    return names


def test_nothing_of_it_starts_without_the_profile() -> None:
    assert [name for name, service in SERVICES.items() if service.get("profiles") == ["demo"]] == list(DEMO)


def test_it_is_the_label_studio_that_make_installs() -> None:
    (version,) = re.findall(r"label-studio==([\d.]+)", (ROOT / "Makefile").read_text())
    assert SERVICES["label-studio"]["image"] == f"heartexlabs/label-studio:{version}"


def test_label_studio_knows_the_login_and_lets_a_backend_on_this_network_in() -> None:
    environment = SERVICES["label-studio"]["environment"]
    assert (environment["LABEL_STUDIO_USERNAME"], environment["LABEL_STUDIO_PASSWORD"]) == (EMAIL, PASSWORD)
    assert environment["LABEL_STUDIO_ML_BLOCK_LOCAL_IP"] == "false"
    assert environment["LABEL_STUDIO_SSRF_PROTECTION_ENABLED"] == "false"


def test_a_known_password_is_for_this_machine_only() -> None:
    ports = [port for name in DEMO for port in SERVICES[name].get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_its_backend_shares_nothing_with_yours() -> None:
    web, backend = SERVICES["web"], SERVICES["demo-backend"]
    assert not set(web["volumes"]) & set(backend["volumes"])
    assert backend["environment"]["REDIS_URL"].endswith("/1")  # web and worker use database 0


def test_the_parts_meet_under_names_with_a_dot() -> None:
    options = fill.parser().parse_args(shlex.split(SERVICES["demo"]["command"])[3:])
    studio, backend = urlsplit(options.label_studio), urlsplit(options.backend)
    assert studio.hostname in names_of("label-studio")
    assert backend.hostname in names_of("demo-backend")
    assert "." in str(backend.hostname)
    assert SERVICES["demo-backend"]["environment"]["LABEL_STUDIO_URL"] == options.label_studio


def test_the_image_holds_what_it_runs(tmp_path: Path) -> None:
    copied = re.findall(r"^COPY (.+) (\S+)$", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    sent = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for sources, target in copied:
        for source in sources.split():
            assert any(Path(source).is_relative_to(folder) for folder in sent), f"{source} is not sent to Docker"
            to = tmp_path / target / (Path(source).name if target.endswith("/") else "")
            to.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, to, ignore=shutil.ignore_patterns("__pycache__", "test_*.py"))
            else:
                shutil.copy(ROOT / source, to)
    run = (
        "from scripts.demo import fill, forms;"
        "next(forms.sample_forms()); forms.LABEL_CONFIG.stat(); fill.main(['--help'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", run], cwd=tmp_path, env={}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--label-studio" in done.stdout


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="docker-compose is not installed")
def test_an_old_compose_reads_the_file() -> None:
    command = ["docker-compose", "--profile", "demo", "config", "--services"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == set(SERVICES)

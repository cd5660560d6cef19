"""Look for known holes in the packages that are pinned, with pip-audit.

python -m scripts.audit

Asks the package index first about an old package whose hole is known: pip-audit finds nothing wrong with packages that
the index does not tell of. Where that one is not told of nothing can be audited; it says so and ends with 0, so that a
machine without network can check the rest. Ends with 1 where a hole is known that is not accepted below.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ("requirements.txt", "requirements-nodeps.txt", "requirements-dev.txt")
HOLED = "jinja2==2.11.2"
ACCEPTED: Mapping[str, str] = {}
"""Ids of known holes that are no danger here, each with the reason."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Hole:
    """A known hole of a pinned package.

    Attributes:
        fixed: versions without it; empty where there is none yet.
    """

    package: str
    version: str
    id: str
    fixed: tuple[str, ...]

    @property
    def accepted(self) -> str:
        """Why it is no danger here; empty where nobody says so."""
        return ACCEPTED.get(self.id, "")


def pinned(lines: Sequence[str]) -> list[str]:
    """The pins among the lines of a file of requirements, as `name==version`: no comments, hashes or other files."""
    bare = (line.split("#")[0].split("--hash")[0].strip() for line in lines)
    return [line for line in bare if "==" in line]


def holes_in(report: Json) -> list[Hole]:
    """The holes that pip-audit's report tells of."""
    return [
        Hole(package["name"], package["version"], hole["id"], tuple(hole["fix_versions"]))
        for package in report["dependencies"]
        for hole in package.get("vulns", ())
    ]


def skipped_in(report: Json) -> list[str]:
    """The packages that could not be audited, each with the reason."""
    return [package["skip_reason"] for package in report["dependencies"] if "skip_reason" in package]


def ask(pins: Sequence[str]) -> Json:
    """pip-audit's report on some pins; it names no package where the index did not answer."""
    with tempfile.NamedTemporaryFile("w", prefix="pins-", suffix=".txt") as file:
        file.write("\n".join(pins))
        file.flush()
        command = [sys.executable, "-m", "pip_audit", "--requirement", file.name, "--no-deps", "--disable-pip"]
        asks = ["--vulnerability-service", "pypi", "--timeout", "15", "--format", "json", "--progress-spinner", "off"]
        ended = subprocess.run([*command, *asks], capture_output=True, text=True, check=False)
    report: Json = json.loads(ended.stdout) if ended.stdout.strip() else {"dependencies": []}
    return report


def main() -> int:
    if not holes_in(ask([HOLED])):
        print(f"audit: NOT AUDITED, the package index does not tell of the hole in {HOLED} (no network, or a mirror?)")
        return 0
    lines = [line for name in REQUIREMENTS for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    pins = sorted(set(pinned(lines)))
    report = ask(pins)
    for reason in skipped_in(report):
        print(f"audit: {reason}")
    holes = holes_in(report)
    for hole in holes:
        remedy = f"fixed in {', '.join(hole.fixed)}" if hole.fixed else "not fixed yet"
        print(f"audit: {hole.package} {hole.version} has {hole.id}, {remedy}; {hole.accepted or 'NOT ACCEPTED'}")
    print(f"audit: {len(pins)} packages, {len(skipped_in(report))} not told of, {len(holes)} known holes")
    return int(any(not hole.accepted for hole in holes))


if __name__ == "__main__":
    sys.exit(main())

"""The documents say what the product says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from backend.settings import SETTINGS
from scripts import failures
from scripts.bench_speed import LATEST
from scripts.settings_table import settings_table
from scripts.speed.tables import BEGIN, END, readme_table

ROOT = Path(__file__).parents[1]
CONTRACT = ROOT.parent / "shared" / "docs" / "FAILURES.md"
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])


def rows_of(table: str) -> list[list[str]]:
    """The cells of a Markdown table's rows, without its head."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines[2:]]


def section(title: str) -> str:
    """A section of the README, without its title."""
    return re.split(r"^## ", README.split(f"\n## {title}\n")[1], flags=re.MULTILINE)[0]


def anchors_of(document: Path) -> set[str]:
    """What a link may name behind `#`: the titles, as GitHub makes addresses of them."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readme_lists_every_setting_with_its_default_and_meaning() -> None:
    rows = rows_of(section("Settings"))
    assert [(name, default) for name, default, _ in rows] == [
        (f"`{setting.name}`", f"`{setting.default}`" if setting.default else "") for setting in SETTINGS
    ]
    for (_, _, meaning), setting in zip(rows, SETTINGS, strict=True):
        assert meaning.startswith(setting.meaning)
        assert all(f"`{alias}`" in meaning for alias in setting.aliases)


def test_the_printed_table_is_the_readmes() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "scripts.settings_table"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == settings_table()
    assert printed.strip() in README


def test_the_readmes_figures_of_speed_are_those_of_the_last_run() -> None:
    content = json.loads(LATEST.read_text(encoding="utf-8"))
    assert f"{BEGIN}\n{readme_table(content)}\n{END}" in README


def test_the_page_of_failures_is_made_of_its_rows_and_the_names_of_the_tests() -> None:
    made = failures.failures_page(failures.read_table(), failures.find_tests())
    assert failures.PAGE.read_text(encoding="utf-8") == made, "python -m scripts.failures > docs/FAILURES.md"


def test_every_failure_is_held_by_a_test() -> None:
    assert failures.missing_ids(failures.read_table(), failures.find_tests()) == []


def test_every_test_of_a_failure_names_one_that_there_is() -> None:
    assert sorted(set(failures.find_tests()) - set(failures.read_table().ids)) == []


def test_the_failures_are_those_that_were_asked_for() -> None:
    if not CONTRACT.is_file():
        pytest.skip("the contract is not here")
    asked = re.findall(r"^\| ([A-Z]{2}[0-9]{2}) \|", CONTRACT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(asked) == 150
    assert sorted(failures.read_table().ids) == sorted(asked)


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("test_FA09_a_killed_run", ["FA09"]),
        ("test_FA09_FA10_a_killed_run", ["FA09", "FA10"]),
        ("test_a_killed_run_FA09", []),
        ("test_FA9_x", []),
    ],
)
def test_the_ids_of_failures_are_read_from_the_names_of_tests(name: str, ids: list[str]) -> None:
    assert failures.ids_in(name) == ids


def test_a_failure_without_a_test_is_found_and_told() -> None:
    table = failures.Table([failures.Section("Faults", [failures.Row("FA01", "x", "y")])], frozenset())
    assert failures.missing_ids(table, {}) == ["FA01"]
    assert "**Not held by a test yet:** FA01." in failures.failures_page(table, {})


def test_slow_tests_of_failures_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_x.py").write_text(
        "import pytest\ndef test_FA01_a(): ...\n@pytest.mark.slow\ndef test_FA01_b(): ...\n", encoding="utf-8"
    )
    (tmp_path / "tests" / "test_y.py").write_text(
        "import pytest\npytestmark = pytest.mark.slow\nclass TestIt:\n    def test_FA02_c(self): ...\n",
        encoding="utf-8",
    )
    found = failures.find_tests(tmp_path)
    assert [(test.name, test.slow) for test in found["FA01"]] == [("test_FA01_a", False), ("test_FA01_b", True)]
    assert [(test.path, test.slow) for test in found["FA02"]] == [("tests/test_y.py", True)]


def test_troubleshooting_goes_by_symptom_cause_and_remedy() -> None:
    rows = rows_of(section("Troubleshooting"))
    assert len(rows) >= 12
    assert all(len(row) == 3 and all(row) for row in rows)


def test_every_code_under_troubleshooting_is_one_of_the_products() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "backend").rglob("*.py"))
    named = set(re.findall(r"`([a-z0-9]+(?:_[a-z0-9]+)+)`", section("Troubleshooting")))
    assert len(named) >= 10
    assert {code for code in named if f'"{code}"' not in sources} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        linked = document.parent / path if path else document
        assert linked.exists(), target
        assert not anchor or anchor in anchors_of(linked), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_is_named_exists(document: Path) -> None:
    """Paths in backticks that start with a folder of this repository."""
    text = document.read_text(encoding="utf-8")
    named = re.findall(r"`((?:backend|docs|scripts|tests|label_configs)/[\w./-]*)`", text)
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    named = {target for document in DOCUMENTS for target in _make_targets(document.read_text(encoding="utf-8"))}
    assert named
    assert named <= targets


def _make_targets(text: str) -> list[str]:
    in_words = re.findall(r"`(?:[A-Z_]+=\S+ )*make ([a-z-]+)", text)
    in_blocks = re.findall(r"^ *(?:[A-Z_]+=\S+ )*make ([a-z-]+)", text, flags=re.MULTILINE)
    return in_words + in_blocks

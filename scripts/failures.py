"""Print the page of failures: what can go wrong, what is shown, and the tests that hold it.

python -m scripts.failures > docs/FAILURES.md

The rows are written in docs/failures.toml; a test holds a row when the row's id is in its name (`test_FA09_...`).
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROWS = ROOT / "docs" / "failures.toml"
PAGE = ROOT / "docs" / "FAILURES.md"

HEAD = """# Failures

What can go wrong, what the backend shows then, and the tests that hold it: a clear error, and nothing lost. `[]` is the
entry of a task in the answer of `/predict`: nothing is stored for it, so that it stays due, and its reason stands in
`errors` beside. The form of errors of whole requests is in [API.md](API.md#errors).

Made by `.venv/bin/python -m scripts.failures > docs/FAILURES.md` from `docs/failures.toml` and the names of the tests.
A test says when this page is not up to date, and when a row has no test."""

SLOW_MARK = "pytest.mark.slow"


@dataclass(frozen=True, slots=True)
class Row:
    """One failure: its id, what happens, what is shown."""

    id: str
    fault: str
    shown: str


@dataclass(frozen=True, slots=True)
class Section:
    """Failures of one kind."""

    title: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Table:
    """All failures.

    Attributes:
        injected: ids of rows whose fault no machine here can be made to have.
    """

    sections: Sequence[Section]
    injected: frozenset[str]

    @property
    def ids(self) -> list[str]:
        return [row.id for section in self.sections for row in section.rows]


@dataclass(frozen=True, slots=True)
class HoldingTest:
    """A test that holds a row.

    Attributes:
        path: relative to the repository, with slashes.
        slow: run by `make test-slow` only.
    """

    path: str
    name: str
    slow: bool


def read_table(path: Path = ROWS) -> Table:
    """The rows as they are written."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    sections = [Section(part["title"], [Row(*row) for row in part["rows"]]) for part in content["sections"]]
    return Table(sections, frozenset(content["injected"]))


def find_tests(root: Path = ROOT) -> dict[str, list[HoldingTest]]:
    """By id the tests that have it in their names, in the order of their files; found by reading, not by running."""
    found: dict[str, list[HoldingTest]] = {}
    for path in sorted((root / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        all_slow = any(_is_marks(statement) and SLOW_MARK in ast.unparse(statement) for statement in tree.body)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                slow = all_slow or any(SLOW_MARK in ast.unparse(decorator) for decorator in node.decorator_list)
                test = HoldingTest(path.relative_to(root).as_posix(), node.name, slow)
                for row_id in ids_in(node.name):
                    found.setdefault(row_id, []).append(test)
    return found


def ids_in(name: str) -> list[str]:
    """The ids of rows that a test's name begins with: one, or several after each other."""
    begin = re.match(r"test_((?:[A-Z]{2}[0-9]{2}_)+)", name)
    return begin[1].strip("_").split("_") if begin else []


def failures_page(table: Table, tests: Mapping[str, Sequence[HoldingTest]]) -> str:
    """The whole page as Markdown."""
    parts = [HEAD, _missing(table, tests), _injected(table)]
    for section in table.sections:
        parts.append(f"## {section.title}")
        parts.append("\n".join(_rows(section.rows, tests)))
    return "\n\n".join(part for part in parts if part) + "\n"


def missing_ids(table: Table, tests: Iterable[str]) -> list[str]:
    """Rows without a test."""
    held = set(tests)
    return [row_id for row_id in table.ids if row_id not in held]


def _missing(table: Table, tests: Mapping[str, Sequence[HoldingTest]]) -> str:
    missing = missing_ids(table, tests)
    return f"**Not held by a test yet:** {', '.join(missing)}." if missing else ""


def _injected(table: Table) -> str:
    named = ", ".join(sorted(table.injected))
    return f"*Injected fault*: {named} need a GPU that fails, which no machine here can be made to do; tests inject it."


def _rows(rows: Sequence[Row], tests: Mapping[str, Sequence[HoldingTest]]) -> Iterator[str]:
    yield "| id | what happens | what is shown | held by |"
    yield "|---|---|---|---|"
    for row in rows:
        held_by = "<br>".join(_link(test) for test in tests.get(row.id, ())) or "**nothing yet**"
        yield f"| {row.id} | {row.fault} | {row.shown} | {held_by} |"


def _link(test: HoldingTest) -> str:
    link = f"[{test.name}](../{test.path})"
    return f"{link} (slow)" if test.slow else link


def _is_marks(statement: ast.stmt) -> bool:
    """Whether a statement of a module sets marks for all its tests."""
    return isinstance(statement, ast.Assign) and "pytestmark" in map(ast.unparse, statement.targets)


if __name__ == "__main__":
    print(failures_page(read_table(), find_tests()), end="")

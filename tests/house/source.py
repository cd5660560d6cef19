"""The source files of the product, read for the tests of its order."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Source:
    """One module.

    Attributes:
        name: dotted, such as `backend.ocr.cache`.
    """

    path: Path
    name: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"))

    @property
    def room(self) -> str:
        """`ocr` for `backend.ocr.cache`, `settings` for `backend.settings`, empty for `backend` itself."""
        return [*self.name.split("."), ""][1]

    @cached_property
    def imports(self) -> frozenset[str]:
        """Dotted names of everything it imports, wherever in the file."""
        return frozenset(name for node in ast.walk(self.tree) for name in imported(node))

    @cached_property
    def names(self) -> dict[str, str]:
        """By the name that an import gives to something its full dotted name."""
        return dict(pair for node in ast.walk(self.tree) for pair in named(node))

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Each call with the dotted name of what is called, as its own module names it."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                first, dot, rest = ast.unparse(node.func).partition(".")
                yield self.names.get(first, first) + dot + rest, node


def imported(node: ast.AST) -> list[str]:
    """The modules that an import statement names; for `from a import b` both `a` and `a.b`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def named(node: ast.AST) -> list[tuple[str, str]]:
    """What an import statement gives other names than the full ones: those, and what they stand for."""
    if isinstance(node, ast.Import):
        return [(alias.asname, alias.name) for alias in node.names if alias.asname]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [(alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names]
    return []


def product_sources() -> list[Source]:
    """Every module of `backend/`, and `_wsgi.py` and `gunicorn.conf.py` beside it."""
    found = []
    for path in sorted((REPOSITORY / "backend").rglob("*.py")):
        parts = path.relative_to(REPOSITORY).with_suffix("").parts
        found.append(Source(path, ".".join(part for part in parts if part != "__init__")))
    return [*found, *(Source(REPOSITORY / name, name) for name in ("_wsgi.py", "gunicorn.conf.py"))]


def backend_sources() -> list[Source]:
    return [source for source in product_sources() if source.name.startswith("backend")]

"""The parts that schemas are written with."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def reference(name: str) -> Schema:
    """A schema by its name among the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def text(meaning: str = "", *, values: list[str] | None = None, pattern: str = "", empty: bool = False) -> Schema:
    """A text.

    Args:
        values: the only ones that there are.
        empty: `null` is allowed too.
    """
    found: Schema = {"type": ["string", "null"] if empty else "string", "description": meaning}
    if values is not None:
        found["enum"] = values
    if pattern:
        found["pattern"] = pattern
    return found


def number(meaning: str, *, least: float | None = None, most: float | None = None, empty: bool = False) -> Schema:
    """A number; `null` is allowed too where it may be empty."""
    found: Schema = {"type": ["number", "null"] if empty else "number", "description": meaning}
    if least is not None:
        found["minimum"] = least
    if most is not None:
        found["maximum"] = most
    return found


def whole(meaning: str, *, empty: bool = False) -> Schema:
    """A whole number, 0 or more; `null` is allowed too where it may be empty."""
    return {"type": ["integer", "null"] if empty else "integer", "minimum": 0, "description": meaning}


def flag(meaning: str) -> Schema:
    """True or false."""
    return {"type": "boolean", "description": meaning}


def items(of: Schema, meaning: str) -> Schema:
    """A list of things of one kind."""
    return {"type": "array", "items": of, "description": meaning}


def record(meaning: str, required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """An object with these fields; others may be there too."""
    return {
        "type": "object",
        "description": meaning,
        "required": list(required),
        "properties": {**required, **(optional or {})},
    }

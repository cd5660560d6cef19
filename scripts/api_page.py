"""Print the page of the HTTP interface, made of the description that `/openapi.json` answers.

python -m scripts.api_page > docs/API.md
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backend.service.openapi.document import openapi_document

Json = dict[str, Any]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "API.md"

HEAD = """# HTTP interface

What the service answers; `GET /openapi.json` says the same as OpenAPI 3.1, for programs. Label Studio calls `/health`,
`/setup`, `/predict`, `/webhook` and `/versions`. Bodies are JSON; more fields than those below may come, and are left
aside. With `BASIC_AUTH_USER` set every route wants credentials, but `/webhook`: that one wants `WEBHOOK_KEY`, where it
is set, as `?key=`.

Made by `.venv/bin/python -m scripts.api_page > docs/API.md`."""

ERRORS = """## Errors

A request that fails as a whole has a status of 400 or more and this body, never a page of HTML; its message is also the
reason phrase of the status line, cut to 120 characters of ASCII: the only text that Label Studio shows.

```json
{"error": {"code": "bad_tasks", "message": "tasks must be a list", "hint": ""}, "request_id": "3f0c..."}
```

A task that fails costs only itself its prediction: the status is 200, its entry `[]`, and its reason stands in
`errors`."""


def api_page() -> str:
    """The whole page as Markdown."""
    document = openapi_document()
    parts = [HEAD]
    for path, methods in document["paths"].items():
        parts += [_route(path, method, told) for method, told in methods.items()]
    parts += ["\n".join([ERRORS, "", *_statuses(document)]), "## Bodies"]
    parts += [_body(name, schema) for name, schema in document["components"]["schemas"].items()]
    return "\n\n".join(parts) + "\n"


def _route(path: str, method: str, told: Json) -> str:
    """A section on one route; errors that any route may answer are told once for all."""
    lines = [f"## {method.upper()} {path}", "", f"{told['summary']}."]
    if "description" in told:
        lines.append(told["description"])
    for parameter in told.get("parameters", ()):
        need = "" if parameter["required"] else ", may be left out"
        lines += ["", f"`{parameter['name']}` in the {parameter['in']}: {parameter['description']}{need}."]
    if "requestBody" in told:
        lines += ["", f"Takes {_kind(told['requestBody']['content']['application/json']['schema'])}."]
    answers = {status: answer for status, answer in told["responses"].items() if "$ref" not in answer}
    lines += ["", "| status | answer | |", "|---|---|---|"]
    lines += [f"| {status} | {_content(answer)} | {answer['description']} |" for status, answer in answers.items()]
    errors = ", ".join(status for status in told["responses"] if status not in answers)
    return "\n".join([*lines, f"| {errors} | {_link('Error')} | see [errors](#errors) |"])


def _statuses(document: Json) -> Iterator[str]:
    yield "| status | means |"
    yield "|---|---|"
    for name, response in document["components"]["responses"].items():
        yield f"| {name.removeprefix('Error')} | {response['description']} |"


def _body(name: str, schema: Json) -> str:
    title = f"### {name}\n\n{_sentence(schema.get('description', ''))}"
    if "properties" not in schema:
        return title
    return "\n".join([title, "", "| field | is | |", "|---|---|---|", *_fields(schema)])


def _fields(schema: Json, within: str = "") -> Iterator[str]:
    """A row for each field, also of objects inside."""
    for name, field in schema["properties"].items():
        need = "" if name in schema.get("required", ()) else "optional "
        yield f"| `{within}{name}` | {need}{_kind(field)} | {field.get('description', '')} |"
        if "properties" in field:
            yield from _fields(field, f"{within}{name}.")


def _kind(schema: Json) -> str:
    """What a value is, in words."""
    if "$ref" in schema:
        return _link(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if choices := schema.get("oneOf") or schema.get("anyOf"):
        return " or ".join(_kind(choice) for choice in choices)
    if "items" in schema:
        return f"list of {_kind(schema['items'])}"
    if schema.get("maxItems") == 0:
        return "`[]`"
    if "additionalProperties" in schema:
        return f"object of {_kind(schema['additionalProperties'])}"
    kinds = schema.get("type", "anything")
    return " or ".join(
        f"`{kind}`" if kind == "null" else kind for kind in ([kinds] if isinstance(kinds, str) else kinds)
    )


def _content(answer: Json) -> str:
    [(kind, content)] = answer["content"].items()
    return _kind(content["schema"]) if "schema" in content else f"`{kind}`"


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


if __name__ == "__main__":
    print(api_page(), end="")

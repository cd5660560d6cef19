"""What is wrong with an answer, if anything."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from backend.service.openapi.document import openapi_document
from scripts.fuzz.mutations import Request
from scripts.fuzz.samples import ROOT, SECRET

LONGEST_REASON = 120
DESCRIPTION = "urn:description"
UNROUTED = frozenset({"400", "401", "404", "405", "414", "431"})
"""Statuses of addresses and methods that no route has, which a changed request may well have."""
TRACES = ("Traceback (most recent call last)", 'File "', "/site-packages/", "<html", "<!doctype")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, or that there was none.

    Attributes:
        status: 0 where the connection ended without an answer.
    """

    status: int
    reason: str = ""
    headers: Mapping[str, str] | None = None
    content: bytes = b""

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "backslashreplace")


class Judge:
    """Knows what an answer may look like.

    Args:
        private: texts that no answer may hold, besides the usual ones: paths, tokens, passwords.
    """

    def __init__(self, private: Sequence[str] = ()) -> None:
        self._private = (*private, SECRET, str(ROOT), sys.prefix)

    def faults(self, request: Request, answer: Answer) -> list[str]:
        """A few words for each thing that is wrong; empty where all is well."""
        if answer.status == 0:
            return [f"no answer: {answer.reason}"]
        if answer.status >= 500 and answer.status != 503:
            return [f"status {answer.status}: {answer.text[:300]}"]
        return [*self._leaks(request, answer), *_status_faults(request, answer), *_body_faults(request, answer)]

    def _leaks(self, request: Request, answer: Answer) -> Iterator[str]:
        told = f"{answer.reason}\n{answer.headers}\n{answer.text}"
        for text in self._private:
            if text in told:
                yield f"tells {text}"
        sent = (request.body or b"").decode("utf-8", "replace") + request.target
        for trace in TRACES:
            # What was sent may come back inside a message: the name of a tag, the id of a task.
            if trace.lower() in told.lower() and trace.lower() not in sent.lower():
                yield f"tells {trace}"


def _status_faults(request: Request, answer: Answer) -> Iterator[str]:
    if not (answer.reason.isascii() and answer.reason.isprintable() and 0 < len(answer.reason) <= LONGEST_REASON):
        yield f"reason phrase {answer.reason!r}"
    documented = {*_operation(request)["responses"], *UNROUTED} if _operation(request) else UNROUTED
    if str(answer.status) not in documented:
        yield f"status {answer.status} is not documented"


def _body_faults(request: Request, answer: Answer) -> Iterator[str]:
    if request.method == "HEAD":
        return
    kind = (answer.headers or {}).get("content-type", "").partition(";")[0]
    if answer.status >= 400:
        schema: str | None = "Error"
    else:
        schema = _schema(request, answer.status, kind)
    if answer.status == 503 and request.route in ("/", "/health"):
        schema = "Health"
    if answer.status >= 400 and kind != "application/json":
        yield f"an error as {kind!r}"
    elif schema is not None:
        try:
            content = json.loads(answer.content, parse_constant=_refuse)
        except ValueError as error:
            yield f"no JSON: {error}"
            return
        yield from _schema_faults(schema, content)
        yield from _defects(content)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _schema(request: Request, status: int, kind: str) -> str | None:
    """The name of the schema of an answer; None where it is none of ours."""
    contents = _operation(request).get("responses", {}).get(str(status), {}).get("content", {})
    reference = contents.get(kind, {}).get("schema", {}).get("$ref", "")
    return str(reference).rpartition("/")[2] or None


def _operation(request: Request) -> dict[str, Any]:
    """What the description says of a request's route; empty where it has none with this method."""
    methods: dict[str, dict[str, Any]] = openapi_document()["paths"].get(request.route, {})
    return methods.get(request.method.lower(), {})


def _schema_faults(name: str, content: object) -> Iterator[str]:
    for error in validator(name).iter_errors(content):
        yield f"not a {name}: {error.json_path}: {re.sub(r' +', ' ', error.message)[:200]}"


@cache
def validator(name: str) -> Draft202012Validator:
    """Validates against one of the schemas of the description."""
    resource = DRAFT202012.create_resource(openapi_document())
    registry: Registry[Any] = Registry().with_resource(DESCRIPTION, resource)
    return Draft202012Validator({"$ref": f"{DESCRIPTION}#/components/schemas/{name}"}, registry=registry)


def _defects(content: object) -> Iterator[str]:
    """Tasks that met a defect of ours: `internal` is a 500 that cost one task only."""
    errors = content.get("errors", ()) if isinstance(content, dict) else ()
    if any(error["code"] == "internal" for error in errors):
        yield "a task met a defect: internal"

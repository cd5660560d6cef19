"""Whether an answer of the backend is right, or a clear error in the form that is documented."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.label_studio.config import LabelingConfig

Json = dict[str, Any]

CLEAR_STATUS = frozenset({429, 503})
"""What a request that has no fault of its own may be refused with."""
CLEAR_CODES = frozenset({"deadline", "untrained"})
"""Why a page that has no fault of its own may have no prediction."""
_VERSION = re.compile(r"v([1-9][0-9]*)")
_SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a request; times on the monotonic clock.

    Attributes:
        status: 0 where there was no answer; `fault` says why.
        body: the JSON of the answer; None where it is none.
    """

    began: float
    ended: float
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    fault: str = ""

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of `/predict`.

    Attributes:
        sizes: of the pages of the tasks in their order, width and height in pixels; no two are alike.
        trained: the project had a live version before.
    """

    tasks: Sequence[Json]
    sizes: Sequence[tuple[int, int]]
    config: LabelingConfig
    trained: bool


@dataclass(frozen=True, slots=True)
class Read:
    """An answer with predictions as it was read.

    Attributes:
        faults: what is wrong, one sentence each.
        codes: why pages have no prediction.
        version: number of the version that is named; None where none is.
    """

    faults: tuple[str, ...]
    codes: tuple[str, ...]
    version: int | None


def error_faults(reply: Reply) -> list[str]:
    """What is wrong with a refusal; nothing where it is a clear error."""
    if reply.status not in CLEAR_STATUS:
        return [f"status {reply.status}"]
    if not isinstance(reply.body, dict) or not isinstance(reply.body.get("error"), dict):
        return [f"status {reply.status} without an error object"]
    error = reply.body["error"]
    found = [
        f"the error has no {name}"
        for name in ("code", "message")
        if not isinstance(error.get(name), str) or not error[name]
    ]
    if not isinstance(error.get("hint"), str):
        found.append("the error has no hint")
    if not isinstance(reply.body.get("request_id"), str):
        found.append("the error has no request_id")
    if "Retry-After" not in reply.headers:
        found.append("no Retry-After")
    return found


def read_predictions(body: object, asked: Asked) -> Read:
    """An answer of status 200, held against what was asked."""
    results = body.get("results") if isinstance(body, dict) else None
    errors = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(results, list) or not isinstance(errors, list):
        return Read(("no list of results and of errors",), (), None)
    if len(results) != len(asked.tasks):
        return Read((f"{len(results)} entries for {len(asked.tasks)} tasks",), (), None)
    faults = list(_error_lines(errors, results, asked))
    names = set()
    for index, entry in enumerate(results):
        if entry == []:
            continue
        if not isinstance(entry, dict) or not isinstance(entry.get("result"), list):
            faults.append(f"entry {index} has no result")
            continue
        names.add(str(entry.get("model_version")))
        if not _is_share(entry.get("score")):
            faults.append(f"entry {index} has score {entry.get('score')!r}")
        faults += _regions(index, entry["result"], asked)
    if len(names) > 1:
        faults.append(f"versions {', '.join(sorted(names))} in one answer")
    numbers = [_VERSION.fullmatch(name) for name in names]
    if None in numbers:
        faults.append(f"a version is named {', '.join(sorted(names))}")
    version = next((int(match[1]) for match in numbers if match), None)
    codes = tuple(str(line.get("code")) for line in errors if isinstance(line, dict))
    return Read(tuple(faults), codes, version)


def _error_lines(errors: Sequence[Any], results: Sequence[Any], asked: Asked) -> Iterator[str]:
    """Each empty entry has one line that names its task, and no other entry has one."""
    named = {line.get("index"): line for line in errors if isinstance(line, dict)}
    empty = {index for index, entry in enumerate(results) if entry == []}
    if len(named) != len(errors) or named.keys() != empty:
        yield f"errors of entries {sorted(map(str, named))}, empty are {sorted(map(str, empty))}"
    for index in sorted(empty & named.keys()):
        line, task = named[index], asked.tasks[index]["id"]
        if line.get("task") != task:
            yield f"entry {index} is of task {task}, its error of task {line.get('task')}"
        code = line.get("code")
        if code not in CLEAR_CODES or (code == "untrained" and asked.trained):
            yield f"entry {index} is empty: {code}, {line.get('message')}"


def _regions(index: int, results: Sequence[Any], asked: Asked) -> Iterator[str]:
    config, size = asked.config, asked.sizes[index]
    controls = {config.control: "rectanglelabels", config.text_control: "textarea"}
    for one in results:
        if not isinstance(one, dict) or not isinstance(one.get("value"), dict):
            yield f"entry {index} has a result that is none"
            continue
        found = (one.get("original_width"), one.get("original_height"))
        if found != size:
            yield f"entry {index} is of a page of {found}, its task's has {size}"
        kind, value = one.get("type"), one["value"]
        if controls.get(one.get("from_name")) != kind or one.get("to_name") != config.image:
            yield f"entry {index} has a {kind} from {one.get('from_name')} to {one.get('to_name')}"
        if kind == "rectanglelabels":
            labels = value.get("rectanglelabels")
            if not isinstance(labels, list) or not labels or set(labels) - set(config.label_set.names):
                yield f"entry {index} has labels {labels}"
            if not _is_share(one.get("score")):
                yield f"entry {index} has a region of score {one.get('score')!r}"
        yield from (f"entry {index} has a box with {fault}" for fault in _box_faults(value))


def _box_faults(value: Json) -> Iterator[str]:
    """What is wrong with a box in percent."""
    numbers: Json = {name: value.get(name) for name in ("x", "y", "width", "height")}
    if not all(_is_number(number) for number in numbers.values()):
        yield f"{numbers}"
        return
    for start, length in (("x", "width"), ("y", "height")):
        if numbers[start] < 0 or numbers[length] <= 0 or numbers[start] + numbers[length] > 100 + _SLACK:
            yield f"{start} {numbers[start]} and {length} {numbers[length]}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1

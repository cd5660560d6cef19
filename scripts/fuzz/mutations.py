"""Changes of sound requests. The same `Random` gives the same request."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote

from scripts.fuzz.samples import Sample

JSON_HEADERS = {"Content-Type": "application/json"}
RAW_SHARE = 0.3
"""Of the bodies, those whose bytes are changed too, so that most are no JSON any more."""
KEYS_READ = frozenset(
    {
        *("project", "tasks", "id", "data", "image", "label_config", "schema", "params", "context", "result", "value"),
        *("model_version", "action", "annotation", "annotations", "hostname", "access_token", "job", "item_index"),
        *("x", "y", "width", "height", "rotation", "original_width", "rectanglelabels", "total_annotations"),
    }
)
"""What the service reads of a body, which is little of what Label Studio sends."""
READ_SHARE = 0.5
"""Of the changes, those that are made to what is read."""
MOST_CHANGES = 4
LONGEST_BODY = 300_000

TEXTS = (
    *(
        "",
        " ",
        "0",
        "-1",
        "null",
        "true",
        "NaN",
        "é",
        "日本語",
        "👍",
        "\u202e",
        "\x00",
        "a\r\nX-Y: z",
        "%00",
        "%s%n",
        "{{7*7}}",
    ),
    *(
        "../../../../etc/passwd",
        "/etc/passwd",
        "C:\\x",
        "v1/../v2",
        "3/../../x",
        "3.1700000000",
        "9" * 13,
        "9" * 400,
        "x" * 5000,
    ),
    *(
        "file:///etc/passwd",
        "http://127.0.0.1:1/x",
        "http://169.254.169.254/",
        "//host/x",
        "gopher://x",
        "http://[::1]/",
    ),
    *(
        "/data/upload/25/../../x",
        "/data/upload/25/a%2f..%2fb.png",
        "/data/local-files/?d=../../etc/passwd",
        "s3://bucket/key",
    ),
    *(
        "data:image/png;base64,",
        "data:image/png;base64,AAAA",
        "data:text/html,<b>",
        "data:image/png;base64,%%%",
        "http://x:y@z/",
    ),
    *("<View/>", "<View>", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', '<View><Image name="i" value="$i"/></View>'),
    *(
        "ANNOTATION_CREATED",
        "START_TRAINING",
        "TASKS_CREATED",
        "LABEL_LINK_CREATED",
        "train-3-x",
        "train-999999999999-x",
    ),
    *("__proto__", "__class__", "o:1:{}", "!!python/object:os.system", "\ud800", "\udfff\ud800"),
)
NUMBERS = (0, -1, 1, 2**31, 2**63, -(2**63), 10**30, 10**400, 0.5, -0.0, 1e-300, 1e308, 3.0, 25)
RAW_PIECES = (
    b"NaN",
    b"Infinity",
    b"-",
    b"1e999",
    b"{",
    b"[" * 70,
    b"[" * 20_000,
    b"}",
    b'"',
    b"\\",
    b"\\ud800",
    b"\x00",
    b"\xff",
)
CONTENT_TYPES = (
    "application/json; charset=utf-16",
    "text/plain",
    "application/vnd.api+json",
    "",
    "multipart/form-data",
    "a/b;c=\xe9",
)
METHODS = ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "GET", "POST", "FETCH")
CREDENTIALS = ("Basic", "Basic !!!", "Basic w6k6w6k=", "Bearer x", "Basic " + "A" * 9000, "Digest a=b", "Basic \xe9")


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent.

    Attributes:
        route: of the sample that it was made from.
    """

    route: str
    method: str
    target: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def mutated(random: Random, sample: Sample) -> Request:
    """A request that differs from a sound one somewhere."""
    method = random.choice(METHODS) if random.random() < 0.01 else sample.method
    target = _target(random, sample.target) if sample.body is None or random.random() < 0.02 else sample.target
    if sample.body is None:
        return Request(sample.route, method, target, headers=_headers(random, {}))
    headers = _headers(random, JSON_HEADERS)
    return Request(sample.route, method, target, _body(random, sample.body)[:LONGEST_BODY], headers)


def _headers(random: Random, sound: Mapping[str, str]) -> dict[str, str]:
    """Headers that are sound but for a few."""
    headers = dict(sound)
    if sound and random.random() < 0.02:
        headers["Content-Type"] = random.choice(CONTENT_TYPES)
    if random.random() < 0.02:
        headers["Authorization"] = random.choice(CREDENTIALS)
    if random.random() < 0.02:
        headers["X-Forwarded-For"] = random.choice(TEXTS[:10]).encode("ascii", "ignore").decode()
    return {name: value for name, value in headers.items() if value.isprintable()}


def _target(random: Random, sound: str) -> str:
    """An address with one of its parts replaced."""
    path, _, query = sound.partition("?")
    parts = path.split("/")
    if query and random.random() < 0.9:
        name, _, _ = query.partition("=")
        query = "&".join(f"{name}={_quoted(random)}" for _ in range(random.choice((1, 1, 1, 2))))
    elif len(parts) > 2:
        parts[random.randrange(2, len(parts))] = _quoted(random)
    else:
        query = f"{_quoted(random)}={_quoted(random)}"
    return "/".join(parts) + (f"?{query}" if query else "")


def _quoted(random: Random) -> str:
    text = random.choice((*TEXTS, *map(str, NUMBERS)))
    return quote(text, safe=random.choice(("", "/", ":@")), errors="replace")


def _body(random: Random, sound: dict[str, Any]) -> bytes:
    body: Any = copy.deepcopy(sound)
    for _ in range(random.randint(1, MOST_CHANGES)):
        body = _changed(random, body)
    encoding = "utf-8" if random.random() < 0.98 else random.choice(("utf-16", "latin-1", "utf-8-sig"))
    # Python writes NaN, and the halves of surrogate pairs as escapes; both must be refused, not met later.
    content = json.dumps(body, ensure_ascii=random.random() < 0.7).encode(encoding, "backslashreplace")
    return _raw(random, content) if random.random() < RAW_SHARE else content


def _changed(random: Random, body: Any) -> Any:
    """A body with one of its values changed, or with the whole of it."""
    places = list(_places(body))
    if not places or random.random() < 0.01:
        return _value(random, body)
    read = [place for place in places if place[1] in KEYS_READ]
    container, key = random.choice(read if read and random.random() < READ_SHARE else places)
    change = random.choice(_CHANGES)
    change(random, container, key)
    return body


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every value inside, as the container that holds it and its key or index there."""
    keys: Any = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _value(random: Random, old: Any) -> Any:
    """Something else in place of a value."""
    kind = random.randrange(7)
    if kind == 0:
        return random.choice(TEXTS)
    if kind == 1:
        return random.choice(NUMBERS)
    if kind == 2:
        return random.choice((None, True, False, float("nan"), float("inf"), [], {}, [None], [[]], [{}], {"": 0}))
    if kind == 3:
        return [old] if random.random() < 0.5 else {random.choice(("id", "x", "result", "data")): old}
    if kind == 4:
        return _deep(random.choice((3, 60, 63, 64, 65, 200)))
    if kind == 5:
        return str(old)[:2000]
    return _edited(random, old) if isinstance(old, str) else random.choice(TEXTS)


def _edited(random: Random, old: str) -> str:
    """A text with a piece of it replaced."""
    begin = random.randint(0, len(old))
    end = min(len(old), begin + random.choice((0, 1, 5, 50)))
    return old[:begin] + random.choice((*TEXTS, "")) + old[end:]


def _deep(levels: int) -> Any:
    value: Any = 0
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def _replace(random: Random, container: Any, key: Any) -> None:
    container[key] = _value(random, container[key])


def _remove(random: Random, container: Any, key: Any) -> None:
    del container[key]


def _rename(random: Random, container: Any, key: Any) -> None:
    """Another key, or another index, for a value."""
    value = container.pop(key)
    if isinstance(container, dict):
        container[random.choice((*TEXTS[:20], f"{key} ", str(key).upper()))] = value
    else:
        container.insert(random.randint(0, len(container)), value)


def _repeat(random: Random, container: Any, key: Any) -> None:
    """A list many times as long, or a value made a list of many."""
    value = container[key]
    times = random.choice((2, 3, 40))
    if len(json.dumps(value)) * times < LONGEST_BODY:
        container[key] = value * times if isinstance(value, list) else [value] * times


_CHANGES: tuple[Callable[[Random, Any, Any], None], ...] = (_replace, _replace, _replace, _remove, _rename, _repeat)


def _raw(random: Random, content: bytes) -> bytes:
    """Bytes with a few of them changed, cut out, doubled or put in."""
    for _ in range(random.randint(1, MOST_CHANGES)):
        begin = random.randint(0, len(content))
        end = min(len(content), begin + random.choice((1, 2, 8, 64, 1024)))
        piece = random.choice((b"", content[begin:end] * 2, random.choice(RAW_PIECES), random.randbytes(end - begin)))
        content = content[:begin] + piece + content[end:]
    return content if random.random() < 0.9 else content[: random.randint(0, len(content))]

"""The form of the log: one JSON object a line, with the ids that belong to it and never a secret or document text."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from datetime import UTC, datetime
from functools import partial
from typing import ParamSpec, TypeVar

_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_WORK: ContextVar[Mapping[str, object]] = ContextVar("work", default={})  # noqa: B039 # it is never changed in place

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def log_fields(**fields: object) -> Iterator[None]:
    """Puts ids, such as those of a request, a project or a job, on every line that is logged inside.

    In this thread, and in others where they run what `with_log_fields` gave.
    """
    before = _WORK.set({**_WORK.get(), **fields})
    try:
        yield
    finally:
        _WORK.reset(before)


def add_log_fields(**fields: object) -> None:
    """Puts further ids on the lines that follow, as far as the `log_fields` around reaches."""
    _WORK.set({**_WORK.get(), **fields})


def with_log_fields(work: Callable[P, T]) -> Callable[P, T]:
    """The same work for another thread, whose lines get the ids that this thread's have now."""
    return partial(copy_context().run, work)


class JsonLines(logging.Formatter):
    """Log records as JSON lines; what a caller passes in `extra` becomes fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_WORK.get(),
        }
        line.update({name: value for name, value in vars(record).items() if name not in _OWN_FIELDS})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def gunicorn_logs() -> dict[str, object]:
    """gunicorn's setting `logconfig_dict` with which its own few lines have the same form."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": JsonLines}},
        "handlers": {"errors": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "loggers": {"gunicorn.error": {"handlers": ["errors"], "propagate": False}},
        "root": {"handlers": ["errors"]},
    }


def configure_logs(level: str) -> None:
    """Send every record of this process to standard error, in the product's form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("urllib3", "PIL", "httpx", "filelock", "fsspec"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

"""The form of the log: one JSON object a line, with the ids of the work that it belongs to."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

import pytest

from backend.logs import JsonLines, add_log_fields, log_fields, with_log_fields

LOG = logging.getLogger("test of the log")


@pytest.fixture
def written() -> Iterator[StringIO]:
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    LOG.addHandler(handler)
    yield stream
    LOG.removeHandler(handler)


def lines(written: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_line_has_its_own_fields_and_those_of_the_work_around_it(written: StringIO) -> None:
    with log_fields(request_id="r1"):
        LOG.warning("before")
        add_log_fields(project=3)
        with log_fields(task=7):
            LOG.warning("inside", extra={"code": "image_empty", "task": 8})
        LOG.warning("after")
    LOG.warning("outside")
    ids = [
        {key: line[key] for key in ("request_id", "project", "task", "code") if key in line} for line in lines(written)
    ]
    assert ids == [
        {"request_id": "r1"},
        {"request_id": "r1", "project": 3, "task": 8, "code": "image_empty"},
        {"request_id": "r1", "project": 3},
        {},
    ]


def test_work_handed_to_another_thread_keeps_its_ids(written: StringIO) -> None:
    with ThreadPoolExecutor(1) as pool:
        for request in ("r1", "r2"):
            with log_fields(request_id=request):
                pool.submit(with_log_fields(LOG.warning), "in the pool").result()
        pool.submit(LOG.warning, "of nobody").result()
    assert [line.get("request_id") for line in lines(written)] == ["r1", "r2", None]


def test_ids_end_with_their_work_also_where_it_fails(written: StringIO) -> None:
    with pytest.raises(ZeroDivisionError), log_fields(request_id="r1"):
        _ = 1 / 0
    LOG.warning("later")
    assert "request_id" not in lines(written)[0]


def test_a_traceback_and_odd_values_stay_on_the_line(written: StringIO) -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        LOG.exception("failed\nover two lines", extra={"what": object})
    (line,) = lines(written)
    assert "ZeroDivisionError" in line["traceback"]
    assert line["message"] == "failed\nover two lines"

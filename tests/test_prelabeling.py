"""Following the chains of a project through the queue."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from backend.errors import ServiceError
from backend.jobs.prelabel_queue import Chain, Ended, PrelabelQueue
from backend.prelabeling import about_chosen, follow, summary

CHAIN = Chain(3, 2, (1, 2, 3, 4, 5), 2)


class Queue(PrelabelQueue):
    """A queue whose worker does one chunk each time that somebody looks."""

    def __init__(self) -> None:
        self.waiting: dict[str, Chain] = {}
        self.faults: dict[int, Ended] = {}
        self.done: list[tuple[int, ...]] = []

    def add(self, chain: Chain) -> str:
        self.waiting[chain.entry_id] = chain
        return chain.entry_id

    def ended(self, entry_id: str) -> Ended | None:
        chain = self.waiting.pop(entry_id)
        fault = self.faults.pop(chain.tasks[0], None)
        if fault is not None:
            return fault
        self.done.append(chain.chunk)
        report: dict[str, Any] = {"tasks": len(chain.chunk)}
        if chain.rest is not None:
            report["next"] = self.add(chain.rest)
        return Ended(report)


def followed(queue: Queue) -> list[int]:
    return [report["tasks"] for report in follow(queue, {queue.add(CHAIN): CHAIN}, look_s=0.0)]


def test_a_chain_is_followed_to_its_end() -> None:
    queue = Queue()
    assert followed(queue) == [2, 2, 1]
    assert queue.done == [(1, 2), (3, 4), (5,)]


def test_what_redis_lost_is_queued_again() -> None:
    queue = Queue()
    queue.faults[3] = Ended(lost=True)
    assert followed(queue) == [2, 2, 1]
    assert queue.done == [(1, 2), (3, 4), (5,)]


def test_a_chunk_that_failed_ends_it_with_its_reason() -> None:
    queue = Queue()
    queue.faults[3] = Ended({"error": {"code": "label_studio_auth", "message": "refused", "hint": "a token"}})
    with pytest.raises(ServiceError) as caught:
        followed(queue)
    assert (caught.value.code, caught.value.hint) == ("label_studio_auth", "a token")


def test_a_worker_that_died_of_a_chunk_is_told() -> None:
    queue = Queue()
    queue.faults[1] = Ended()
    with pytest.raises(ServiceError, match="a worker failed"):
        followed(queue)


def test_what_came_of_it_is_told_in_sentences() -> None:
    numbers = Counter(tasks=9, stored=5, had=2, replaced=3)
    lines = list(summary(numbers, {"image_format": 1, "url_forbidden": 1}, "v4"))
    assert lines[0] == "5 predictions of v4 stored"
    assert "3 predictions of older versions deleted" in lines
    assert "2 pages have none: 1 image_format, 1 url_forbidden" in lines[-1]
    assert list(summary(Counter(), {}, "v4")) == ["0 predictions of v4 stored"]


def test_the_name_for_live_predictions_is_told_where_there_was_one() -> None:
    assert "choose 'boxes' there" in "\n".join(about_chosen("v4", "boxes"))
    assert "choose" not in "\n".join(about_chosen("v4", "v4"))

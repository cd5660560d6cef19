from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from backend.pipelines.turns import OneAtATime, Place, ReadingPlaces, RequestOver
from tests.waiting import wait_until


def waiting(places: ReadingPlaces) -> int:
    return len(places._waiting)


def test_no_more_pages_are_read_at_a_time_than_there_are_places() -> None:
    places = ReadingPlaces(2)
    inside, most, lock = 0, 0, threading.Lock()
    release = threading.Event()

    def read(place: Place) -> None:
        nonlocal inside, most
        with place():
            with lock:
                inside += 1
                most = max(most, inside)
            release.wait(10)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(8) as pool, places.request() as one, places.request() as other:
        pages = [pool.submit(read, place) for place in (one, other) * 4]
        wait_until(lambda: waiting(places) == 6, 10, "six pages wait")
        release.set()
        for page in pages:
            page.result(10)
    assert most == 2


def test_requests_are_served_in_turns_a_new_one_first() -> None:
    places = ReadingPlaces(1)
    order: list[str] = []

    def read(name: str, place: Place) -> None:
        with place():
            order.append(name)

    with ExitStack() as requests, ThreadPoolExecutor(8) as pool:
        large, second, small = (requests.enter_context(places.request()) for _ in range(3))
        with large():  # a page that is being read
            for name, place, pages in (("large", large, 3), ("second", second, 2), ("small", small, 1)):
                before = waiting(places)
                for _ in range(pages):
                    pool.submit(read, name, place)
                wait_until(lambda: waiting(places) == before + pages, 10, f"{pages} pages of {name} wait")  # noqa: B023
    assert order == ["second", "small", "large", "second", "large", "large"]


def test_what_still_waits_when_its_request_ends_is_given_up() -> None:
    places = ReadingPlaces(1)

    def read(place: Place) -> None:
        with place():
            pass

    with ThreadPoolExecutor(2) as pool, places.request() as other:
        with other():
            with places.request() as ended:
                pages = [pool.submit(read, ended) for _ in range(2)]
                wait_until(lambda: waiting(places) == 2, 10, "two pages wait")
            for page in pages:
                with pytest.raises(RequestOver):
                    page.result(10)
        with other():
            pass  # nobody keeps the place


def test_one_at_a_time_for_the_same_thing_only() -> None:
    work = OneAtATime()
    entered = threading.Event()

    def enter(thing: str) -> None:
        with work.alone(thing):
            entered.set()

    with ThreadPoolExecutor(2) as pool:
        with work.alone("page"):
            same = pool.submit(enter, "page")
            pool.submit(enter, "other page").result(10)
            assert entered.is_set()
            entered.clear()
            assert not same.done()
        same.result(10)
        assert entered.is_set()

"""Callers in several threads, models that only note what they were given."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest

from backend.encoding.batch import token_count
from backend.encoding.tokens import Window
from backend.model.turns import Scores, Turns
from tests.waiting import wait_until


def window(tokens: int, *, picture: bool = False) -> Window:
    return Window(
        start=0,
        end=1,
        input_ids=np.zeros(tokens, np.int64),
        bbox=np.zeros((tokens, 4), np.int64),
        token_types=np.zeros(tokens, np.int64),
        first_tokens=np.zeros(1, np.int64),
        picture=np.zeros((3, 224, 224), np.uint8) if picture else None,
    )


@dataclass(eq=False)
class Model:
    """Notes the batches; the first one lasts until `go`."""

    most: int = 100
    log: list[Model] = field(default_factory=list)
    batches: list[list[int]] = field(default_factory=list)
    fault: Callable[[Sequence[Window]], None] = lambda windows: None
    begun: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    at_once: int = 0

    def most_tokens(self) -> int:
        return self.most

    def compute(self, windows: Sequence[Window]) -> list[Scores]:
        self.at_once += 1
        assert self.at_once == 1
        self.batches.append([len(one.input_ids) for one in windows])
        self.log.append(self)
        self.begun.set()
        assert self.go.wait(10)
        self.at_once -= 1
        self.fault(windows)
        return [np.full((1, 1), len(one.input_ids), np.float32) for one in windows]


class Callers:
    """Starts callers one after the other, so that the order in which they come is known."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.pool = ThreadPoolExecutor(16)

    def call(self, model: Model, *lengths: int) -> Future[list[Scores]]:
        before = len(self.turns._calls)
        future = self.pool.submit(self.turns.compute, model, [window(length) for length in lengths])
        if not model.go.is_set():
            wait_until(lambda: len(self.turns._calls) > before, 10, "the call is there")
        return future


@pytest.fixture
def callers() -> Callers:
    return Callers()


def lengths_of(future: Future[list[Scores]]) -> list[int]:
    return [int(found[0, 0]) for found in future.result(10)]


def test_two_callers_share_a_batch_and_get_their_own_back_in_order(callers: Callers) -> None:
    model = Model()
    first = callers.call(model, 90)
    assert model.begun.wait(10)
    others = [callers.call(model, 10, 30, 20), callers.call(model, 25, 15)]
    model.go.set()
    assert [lengths_of(future) for future in (first, *others)] == [[90], [10, 30, 20], [25, 15]]
    assert model.batches == [[90], [25, 20, 15, 10], [30]]
    assert callers.turns._calls == callers.turns._models == []


def test_a_batch_is_no_longer_than_the_model_allows_padding_counted(callers: Callers) -> None:
    model = Model(most=100)
    model.go.set()
    lengths = [50, 3, 40, 60, 200, 7, 30, 33]
    assert lengths_of(callers.call(model, *lengths)) == lengths
    assert sorted(length for batch in model.batches for length in batch) == sorted(lengths)
    assert all(len(batch) == 1 or len(batch) * max(batch) <= 100 for batch in model.batches)


def test_pictures_count(callers: Callers) -> None:
    model = Model(most=500)
    model.go.set()
    callers.turns.compute(model, [window(10, picture=True) for _ in range(4)])
    assert token_count(window(10, picture=True)) == 207
    assert [len(batch) for batch in model.batches] == [2, 2]


def test_one_page_waits_for_the_running_batch_only(callers: Callers) -> None:
    model = Model()
    long = callers.call(model, *[50] * 20)
    assert model.begun.wait(10)
    other = callers.call(model, *[50] * 20)
    one = callers.call(model, 40)
    model.go.set()
    assert lengths_of(one) == [40]
    assert lengths_of(long) == lengths_of(other) == [50] * 20
    assert [40 in batch for batch in model.batches].index(True) == 1


def test_models_take_turns(callers: Callers) -> None:
    log: list[Model] = []
    models = [Model(log=log), Model(log=log), Model(log=log)]
    futures = [callers.call(models[0], *[90] * 3)]
    assert models[0].begun.wait(10)
    futures += [callers.call(model, *[90] * 3) for model in (models[0], *models[1:])]
    for model in models:
        model.go.set()
    for future in futures:
        assert lengths_of(future) == [90] * 3
    first, second, third = models
    assert log[:7] == [first, first, second, third, first, second, third]


def test_an_error_reaches_the_caller_whose_page_it_is_and_no_other_of_its_batch(callers: Callers) -> None:
    def fail(windows: Sequence[Window]) -> None:
        if any(len(one.input_ids) == 30 for one in windows):
            raise ValueError("broken")

    model = Model(fault=fail)
    first = callers.call(model, 90)
    assert model.begun.wait(10)
    broken, with_it, after = callers.call(model, 30, 20), callers.call(model, 29, 5), callers.call(model, 95, 96)
    model.go.set()
    with pytest.raises(ValueError, match="broken"):
        broken.result(10)
    assert lengths_of(with_it) == [29, 5]
    assert [30, 29, 20] in model.batches  # they did share a batch
    assert lengths_of(first) == [90]
    assert lengths_of(after) == [95, 96]
    assert lengths_of(callers.call(model, 1)) == [1]


def test_nothing_to_compute_needs_no_turn(callers: Callers) -> None:
    assert callers.turns.compute(Model(), []) == []

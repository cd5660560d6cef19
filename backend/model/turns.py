"""Several threads and several models on one device: batches of whatever waits, in turns.

There is no thread of its own here. Callers wait for the device; who gets it computes the next batch of its model, in
which there may be windows of other callers too, and goes on until its own windows are done.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from backend.encoding.batch import token_count
from backend.encoding.tokens import Window

Scores = NDArray[np.float32]
"""(words of a window, C)"""


class WindowModel(Protocol):
    """Computes batches."""

    def most_tokens(self) -> int:
        """Padded tokens that a batch may have now."""

    def compute(self, windows: Sequence[Window]) -> list[Scores]:
        """The scores of each window."""


@dataclass(slots=True, eq=False)
class _Call:
    """The windows of one caller.

    Attributes:
        waiting: numbers of the windows that no batch has taken yet, the longest first.
        found: what came out, by number of the window.
        led: batches that were made around a window of this call.
    """

    model: WindowModel
    windows: Sequence[Window]
    waiting: list[int] = field(init=False)
    found: dict[int, Scores] = field(default_factory=dict)
    led: int = 0
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self.waiting = sorted(range(len(self.windows)), key=lambda at: -token_count(self.windows[at]))

    @property
    def done(self) -> bool:
        return self.error is not None or len(self.found) == len(self.windows)


_Batch = list[tuple[_Call, int]]


class Turns:
    """The turns of one device: a batch at a time, models one after the other, the least served caller first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._busy = False
        self._calls: list[_Call] = []  # in the order in which they came
        self._models: list[WindowModel] = []  # those for which windows wait, the next one first

    def compute(self, model: WindowModel, windows: Sequence[Window]) -> list[Scores]:
        """The scores of each window, in the order of the windows.

        Raises:
            Exception: what a batch with one of these windows failed with.
        """
        call = _Call(model, windows)
        with self._changed:
            self._calls.append(call)
            self._see_to(model)
        try:
            while batch := self._next_batch(call):
                self._compute(model, batch)
        finally:
            with self._changed:  # also where this thread was interrupted while others wait
                self._calls.remove(call)
                self._see_to(model)
        if call.error is not None:
            raise call.error
        return [call.found[at] for at in range(len(windows))]

    def _next_batch(self, call: _Call) -> _Batch:
        """Waits for the device; empty when the call is done, by other threads too."""
        with self._changed:
            self._changed.wait_for(lambda: call.done or (not self._busy and self._models[:1] == [call.model]))
            if call.done:
                return []
            batch = self._take(call.model)
            self._busy = True
            return batch

    def _take(self, model: WindowModel) -> _Batch:
        """The longest window of the caller whose turn it is, and those of all callers that are nearest below."""
        calls = [call for call in self._calls if call.model is model and call.waiting]
        leader = min(calls, key=lambda call: (call.led, len(call.waiting)))
        leader.led += 1
        longest = token_count(leader.windows[leader.waiting[0]])
        most = max(1, model.most_tokens() // longest)
        fitting = [(call, at) for call in calls for at in call.waiting if token_count(call.windows[at]) <= longest]
        fitting.sort(key=lambda one: (-token_count(one[0].windows[one[1]]), one[0] is not leader))
        batch = fitting[:most]
        for call, at in batch:
            call.waiting.remove(at)
        self._models.remove(model)
        self._see_to(model)
        return batch

    def _compute(self, model: WindowModel, batch: _Batch) -> None:
        """Compute a batch and tell each caller its part, or what it failed with.

        Where a batch of several callers fails, each caller's part is computed by itself: what is wrong with one page
        costs no other caller anything.
        """
        fault = self._try(model, batch)
        faults = {call: fault for call, _ in batch}
        if isinstance(fault, Exception) and len(faults) > 1:
            faults = {call: self._try(model, [part for part in batch if part[0] is call]) for call in faults}
        with self._changed:
            for call, of_call in faults.items():
                if of_call is not None:
                    call.error = of_call
                    call.waiting.clear()
            self._busy = False
            self._see_to(model)

    def _try(self, model: WindowModel, batch: _Batch) -> BaseException | None:
        """Compute a batch and tell each caller its part; what it failed with, if it did."""
        try:
            found = model.compute([call.windows[at] for call, at in batch])
        except BaseException as error:  # raised again by those whose windows these are
            return error
        with self._changed:
            for scores, (call, at) in zip(found, batch, strict=True):
                call.found[at] = scores
        return None

    def _see_to(self, model: WindowModel) -> None:
        """Keep the model among those that want a turn as long as windows wait for it."""
        wanted = any(call.model is model and call.waiting for call in self._calls)
        if wanted and model not in self._models:
            self._models.append(model)
        elif not wanted and model in self._models:
            self._models.remove(model)
        self._changed.notify_all()


@cache
def turns_of(device: torch.device) -> Turns:
    """The turns of a device, the same for all of this process."""
    return Turns()

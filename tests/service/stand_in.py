"""A prediction side that answers at once, for tests of the routes: the real one takes seconds to import."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class StandInAnswer:
    results: list[Any] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class StandInPredictor:
    """Keeps what it was asked; waits while `hold` is not set.

    Attributes:
        failure: raised instead of an answer.
    """

    asked: list[tuple[int, list[Any], str, dict[str, Any] | None]] = field(default_factory=list)
    hold: threading.Event | None = None
    failure: Exception | None = None
    looked_at: list[int] = field(default_factory=list)
    followed: int = 0

    def answer(
        self,
        project_id: int,
        tasks: list[Any],
        label_config: str,
        context: dict[str, Any] | None,
        *,
        deadline: float,
        is_awaited: Callable[[], bool],
    ) -> StandInAnswer:
        self.asked.append((project_id, tasks, label_config, context))
        if self.hold is not None:
            self.hold.wait(30)
        if self.failure is not None:
            raise self.failure
        errors = [{"task": None, "index": index, "code": "untrained", "message": ""} for index in range(len(tasks))]
        return StandInAnswer([[] for _ in tasks], errors)

    def describe(self) -> Mapping[str, Any]:
        return {"device": "cpu", "base_model": {"name": "stand-in", "licence": "none"}}

    def loaded_bytes(self) -> Mapping[int, int]:
        return {3: 5000}

    def read_ahead(self, project_id: int) -> None:
        self.looked_at.append(project_id)

    def follow_promotions(self) -> None:
        self.followed += 1

"""Which pages a model learns from and which it is judged on."""

from __future__ import annotations

import hashlib

HELD_OUT_SHARE = 0.2
LEAST_PAGES = 20
"""Under this many annotated tasks all are learnt from: two or three pages judge nothing and are missed in learning."""
MOST_HELD_OUT = 100
"""Tasks held out at most: more of them tell two versions apart hardly better, and each save has to wait for them."""


def lot(project_id: int, task_id: int) -> float:
    """A number of the task between 0 and 1 that is drawn by chance and the same for ever."""
    digest = hashlib.sha256(f"{project_id}/{task_id}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def is_held_out(project_id: int, task_id: int) -> bool:
    """Whether a task is among those kept for judging, as far as they are needed."""
    return lot(project_id, task_id) < HELD_OUT_SHARE


def split(project_id: int, task_ids: set[int]) -> tuple[set[int], set[int]]:
    """The tasks to learn from and the tasks to judge on, which have none in common.

    A task stays on its side whatever else is annotated, so that no version is judged on what an earlier one learnt;
    where there are more to judge on than are needed, those with the highest lots are learnt.
    """
    if len(task_ids) < LEAST_PAGES:
        return set(task_ids), set()
    kept_out = (task_id for task_id in task_ids if is_held_out(project_id, task_id))
    held_out = set(sorted(kept_out, key=lambda task_id: lot(project_id, task_id))[:MOST_HELD_OUT])
    return task_ids - held_out, held_out

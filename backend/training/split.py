"""Which pages a model learns from and which it is judged on."""

from __future__ import annotations

import hashlib

HELD_OUT_SHARE = 0.2
LEAST_PAGES = 20
"""Under this many annotated tasks all are learnt from: two or three pages judge nothing and are missed in learning."""


def is_held_out(project_id: int, task_id: int) -> bool:
    """Whether a task is kept for judging; the same answer for ever, so that no version is judged on what it learnt."""
    digest = hashlib.sha256(f"{project_id}/{task_id}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 < HELD_OUT_SHARE


def split(project_id: int, task_ids: set[int]) -> tuple[set[int], set[int]]:
    """The tasks to learn from and the tasks to judge on, which have none in common."""
    if len(task_ids) < LEAST_PAGES:
        return set(task_ids), set()
    held_out = {task_id for task_id in task_ids if is_held_out(project_id, task_id)}
    return task_ids - held_out, held_out

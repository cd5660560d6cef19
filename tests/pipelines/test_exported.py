"""Label Studio's tasks to what a run keeps of them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

from backend.label_studio.config import parse_labeling_config
from backend.pipelines.exported import read_export
from tests.memorised import FORMS

Json = dict[str, Any]

CONFIG = parse_labeling_config(FORMS)


def box(region: str) -> Json:
    value = {"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0, "rotation": 0, "rectanglelabels": ["answer"]}
    return {"id": region, "type": "rectanglelabels", "from_name": "label", "to_name": "image", "value": value}


def task(number: int, *, day: int = 1, skipped: bool = False, boxes: int = 1) -> Json:
    """A task that was annotated from a prediction with as many boxes, on a day of January."""
    result = [box(f"{number}-{at}") for at in range(boxes)]
    annotation = {
        "id": number,
        "updated_at": f"2026-01-{day:02}T10:00:00Z",
        "parent_prediction": number,
        "was_cancelled": skipped,
        "result": result,
    }
    return {
        "id": number,
        "data": {"image": f"/data/upload/1/{number}.png"},
        "annotations": [annotation],
        "predictions": [
            {"id": number, "model_version": "v1", "result": [box(f"{number}-{at}") for at in range(boxes)]}
        ],
    }


def test_what_a_run_reads_is_kept_as_it_came() -> None:
    [kept] = read_export([task(3, boxes=2)], CONFIG, 10).tasks
    read, annotation = kept.read()
    assert (kept.task_id, kept.accepted, kept.annotated_at.isoformat()) == (3, True, "2026-01-01T10:00:00+00:00")
    assert read == {"id": 3, "data": {"image": "/data/upload/1/3.png"}}
    assert annotation == task(3, boxes=2)["annotations"][0]


def test_of_too_many_tasks_the_ones_annotated_last_are_kept_by_ascending_id_and_the_others_are_counted() -> None:
    days = {1: 5, 2: 9, 3: 1, 4: 7, 5: 5}
    export = read_export([task(number, day=day) for number, day in days.items()], CONFIG, 3)
    assert [kept.task_id for kept in export.tasks] == [2, 4, 5]  # of two of one day the later one
    assert export.left_out == {"older": 2}
    assert export.effort.unreviewed == 5  # all of them count as people's effort


def test_skipped_tasks_are_counted_and_not_kept() -> None:
    export = read_export([task(1, skipped=True), task(2)], CONFIG, 10)
    assert [kept.task_id for kept in export.tasks] == [2]
    assert export.left_out == {"skipped": 1}


def test_AN19_memory_is_bounded_however_many_tasks_there_are() -> None:
    def many(count: int) -> Iterator[Json]:
        yield from (task(number, boxes=30) for number in range(1, count + 1))

    def peak(count: int) -> int:
        tracemalloc.start()
        try:
            assert len(read_export(many(count), CONFIG, 100).tasks) == 100
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(2000) < 1.2 * peak(200)
    assert peak(200) < 100 * 10_000  # a task of thirty boxes and their prediction in ten kilobytes

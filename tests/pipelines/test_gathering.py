"""What a run learns from, out of all that is annotated in a project."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.errors import TrainingRefused
from backend.model.base_models import choose_base_model
from backend.pipelines.gathering import Gathered, gather
from backend.pipelines.reading import PageReader
from tests.drawn import draw_form
from tests.memorised import FORMS
from tests.pipelines.annotated import DrawnProject
from tests.pipelines.scenes import train_scene

PAGES = [draw_form(seed) for seed in range(8)]


@pytest.fixture
def project() -> DrawnProject:
    return DrawnProject(FORMS, PAGES)


def gathered(project: DrawnProject, tmp_path: Path, reader: PageReader) -> Gathered:
    scene = train_scene(project, tmp_path, reader, choose_base_model("starter", has_gpu=False))
    return gather(project, scene, pictures=False)


def test_empty_pages_are_used_up_to_one_for_each_page_with_boxes(
    project: DrawnProject, tmp_path: Path, reader: PageReader
) -> None:
    for task in project.tasks[2:]:
        task["annotations"] = [{"id": 1, "result": [], "was_cancelled": False}]
    found = gathered(project, tmp_path, reader)
    used = [task.task_id for task in found.tasks]
    assert used[:2] == [1, 2]
    assert len(used) == 4
    assert [task.task_id for task in found.pages.learn_from] == used
    assert found.pages.chosen["learn_from"]["empty_left_out"] == 4


def test_skipped_and_unannotated_tasks_are_no_empty_pages(
    project: DrawnProject, tmp_path: Path, reader: PageReader
) -> None:
    project.tasks[6]["annotations"] = [{"id": 1, "result": [], "was_cancelled": True}]
    project.tasks[7] |= {"annotations": [], "drafts": [{"result": []}], "predictions": [{"id": 1, "result": []}]}
    found = gathered(project, tmp_path, reader)
    assert [task.task_id for task in found.tasks] == [1, 2, 3, 4, 5, 6]
    assert found.pages.chosen["learn_from"]["empty_pages"] == 0


def test_a_project_of_empty_pages_is_told_so(project: DrawnProject, tmp_path: Path, reader: PageReader) -> None:
    for task in project.tasks:
        task["annotations"] = [{"id": 1, "result": [], "was_cancelled": False}]
    with pytest.raises(TrainingRefused, match="none of the 8 annotated pages has a box"):
        gathered(project, tmp_path, reader)

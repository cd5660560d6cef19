"""Two speeds: what the fast step serves without, beside and during the deep one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.errors import LabelStudioError
from backend.model.base_models import BaseModel, choose_base_model
from backend.model.crf import CRF_FILE
from backend.model.folders import WEIGHTS_FILE
from backend.pipelines import offer
from backend.pipelines.reading import PageReader
from backend.pipelines.schedule import AtOnce
from backend.pipelines.train import TrainScene, train_project
from backend.versions.reports import required_report
from backend.versions.store import VersionStore
from tests.drawn import draw_form
from tests.memorised import FORMS
from tests.pipelines.annotated import DrawnProject
from tests.pipelines.scenes import train_scene
from tests.tiny_model import save_tiny_base

PAGES = [draw_form(seed) for seed in range(8)]


class Plan(AtOnce):
    """A schedule that a test sets; `between` is called each time that a deep fit asks for news."""

    def __init__(self, *, deep: bool, between: Callable[[], bool] = lambda: False) -> None:
        self.deep = deep
        self.between = between
        self.told: list[str] = []

    def export_begins(self) -> None:
        self.told.append("export")

    def fast_learnt(self, fingerprint: str) -> None:
        self.told.append(f"fast {fingerprint}")

    def deep_is_due(self) -> bool:
        return self.deep

    def deep_learnt(self) -> None:
        self.told.append("deep")

    def news(self) -> bool:
        return self.between()

    def put_off(self) -> None:
        self.told.append("put off")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    return choose_base_model(str(save_tiny_base(tmp_path_factory.mktemp("base") / "tiny")), has_gpu=False)


@pytest.fixture
def scene(tmp_path: Path, reader: PageReader, base: BaseModel, project: DrawnProject) -> TrainScene:
    return train_scene(project, tmp_path, reader, base, most_steps=3, keep_versions=9, schedule=Plan(deep=True))


@pytest.fixture
def project() -> DrawnProject:
    return DrawnProject(FORMS, PAGES)


@pytest.fixture(autouse=True)
def tried(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that would be tried in a fresh process, which takes seconds and is tested elsewhere."""
    folders: list[Path] = []
    monkeypatch.setattr(offer, "try_in_fresh_process", folders.append)
    return folders


def learners(store: VersionStore) -> list[Any]:
    return [store.manifest(number)["learners"] for number in store.numbers()]


def test_a_saved_page_makes_a_version_with_the_deep_learner_that_is_live(
    scene: TrainScene, project: DrawnProject, tried: list[Path]
) -> None:
    added = project.tasks.pop()
    train_project(project, scene)
    project.tasks.append(added)
    plan = Plan(deep=False)
    report = train_project(project, replace(scene, schedule=plan))
    store = VersionStore(scene.project)
    assert (report.version, report.promoted, report.annotations) == (3, True, 8)
    assert plan.told == ["export", "fast 8 tasks"]
    assert learners(store) == [["fast"], ["fast", "deep"], ["fast", "deep"]]
    deep, fast = store.folder(2), store.folder(3)
    assert (deep / WEIGHTS_FILE).stat().st_ino == (fast / WEIGHTS_FILE).stat().st_ino, "one copy on the disk"
    assert (deep / CRF_FILE).read_bytes() != (fast / CRF_FILE).read_bytes()
    store.verify(3)
    assert len(tried) == 1, "only what was never saved before"
    old, new = store.manifest(2), store.manifest(3)
    assert new["deep_trained_on"] == old["deep_trained_on"] == old["trained_on"]
    assert set(new["trained_on"]) == {task["id"] for task in project.tasks}
    assert (new["plan"], new["base_model"]) == (old["plan"], old["base_model"])


def test_pages_saved_during_the_deep_fit_are_served_before_it_ends_and_with_it(
    scene: TrainScene, project: DrawnProject
) -> None:
    store = VersionStore(scene.project)
    added = [project.tasks.pop(), project.tasks.pop()]
    served: list[int | None] = []

    def between() -> bool:
        served.append(store.current())
        if added:
            project.tasks.append(added.pop())
            return True
        return False

    plan = Plan(deep=True, between=between)
    report = train_project(project, replace(scene, schedule=plan))
    assert served[:3] == [1, 2, 3]
    after = served[3:]
    assert after == [3] * after.count(3) + [4] * after.count(4), "nothing else is served while no page is saved"
    assert served[-1] == 4, "the report, which also asks, comes last"
    assert plan.told == ["export", "fast 6 tasks", "export", "fast 7 tasks", "export", "fast 8 tasks", "deep"]
    assert (report.version, report.promoted, report.annotations) == (4, True, 8)
    assert len(store.manifest(4)["trained_on"]) == 8
    assert len(store.manifest(4)["deep_trained_on"]) == 6
    assert (store.folder(3) / CRF_FILE).read_bytes() == (store.folder(4) / CRF_FILE).read_bytes()


def test_a_fault_between_two_steps_does_not_end_the_fit(scene: TrainScene, project: DrawnProject) -> None:
    plan = Plan(deep=True, between=lambda: True)

    def down(project_id: int) -> str:
        if plan.told[-1] == "export" and "fast 8 tasks" in plan.told:
            raise LabelStudioError("label_studio_unreachable", "Label Studio does not answer")
        return "8 tasks"

    project.fingerprint = down  # type: ignore[method-assign]
    report = train_project(project, replace(scene, schedule=plan))
    during, after = plan.told[: plan.told.index("deep")], plan.told[plan.told.index("deep") :]
    assert during[:8] == ["export", "fast 8 tasks", *["export", "put off"] * 3]
    assert set(during[8:] + after) == {"export", "put off", "deep"}
    assert (report.version, report.promoted) == (2, True)


def test_without_a_base_model_the_fast_learner_is_served_alone(scene: TrainScene, project: DrawnProject) -> None:
    none = choose_base_model("none", has_gpu=False)
    alone = replace(scene, base=none, find_base=lambda: none)
    for version in (1, 2):
        report = train_project(project, alone)
        assert (report.version, report.promoted) == (version, True)
    assert learners(VersionStore(scene.project)) == [["fast"], ["fast"]]


def test_other_labels_are_learnt_by_both_though_the_deep_one_was_not_due(
    scene: TrainScene, project: DrawnProject
) -> None:
    train_project(project, scene)
    project.label_config = FORMS.replace('value="header"', 'value="title"')
    plan = Plan(deep=False)
    report = train_project(project, replace(scene, schedule=plan))
    store = VersionStore(scene.project)
    assert plan.told == ["export", "fast 8 tasks", "deep"]
    assert store.manifest(report.version or 0)["labels"] == ["title", "question", "answer"]
    assert store.manifest(report.version or 0)["learners"] == ["fast", "deep"]


def test_labels_that_change_during_the_fit_are_left_to_the_next_run(scene: TrainScene, project: DrawnProject) -> None:
    def between() -> bool:
        project.label_config = FORMS.replace('value="header"', 'value="title"')
        return True

    plan = Plan(deep=True, between=between)
    report = train_project(project, replace(scene, schedule=plan))
    assert plan.told == ["export", "fast 8 tasks", "export", "deep"]
    assert VersionStore(scene.project).manifest(report.version or 0)["labels"] == ["header", "question", "answer"]


def test_a_base_model_that_cannot_be_had_leaves_what_the_fast_learner_learnt(
    scene: TrainScene, project: DrawnProject
) -> None:
    def missing() -> BaseModel:
        raise LabelStudioError("base_model_missing", "the hub does not answer")

    with pytest.raises(LabelStudioError):
        train_project(project, replace(scene, find_base=missing))
    assert VersionStore(scene.project).current() == 1


def test_without_a_base_model_the_report_judges_no_page_that_the_live_deep_learner_knows(
    scene: TrainScene, project: DrawnProject
) -> None:
    train_project(project, scene)
    project.tasks += [task | {"id": 100 + task["id"]} for task in project.tasks] + [
        task | {"id": 200 + task["id"]} for task in project.tasks
    ]
    none = replace(scene, base=choose_base_model("none", has_gpu=False))
    report = train_project(project, none)
    assert report.version is not None
    store = VersionStore(scene.project)
    manifest = store.manifest(report.version)
    assert manifest["learners"] == ["fast", "deep"]
    told = required_report(scene.project, report.version)
    assert set(manifest["deep_trained_on"]) == set(range(1, 9))
    assert not set(manifest["held_out"]) & set(range(1, 9))
    assert told["scores"]["pages"] == len(manifest["held_out"]) >= 2

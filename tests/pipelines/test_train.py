from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.document.page import PageRef
from backend.errors import LabelStudioError, ServiceError, TrainingRefused, VersionError
from backend.model.base_models import choose_base_model
from backend.model.live import LiveModels
from backend.pipelines import offer
from backend.pipelines.reading import READERS, PageReader
from backend.pipelines.train import TrainScene, train_project
from backend.training.split import split
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.disks import fill, small_disk
from tests.drawn import draw_form
from tests.memorised import CPU, FORMS
from tests.pipelines.annotated import DrawnProject
from tests.pipelines.scenes import train_scene
from tests.tiny_model import save_tiny_base

PAGES = [draw_form(seed) for seed in range(20)]
MakeScene = Callable[..., TrainScene]


@pytest.fixture(scope="module")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture
def told() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def make_scene(tmp_path: Path, reader: PageReader, tiny_base: Path, told: list[dict[str, Any]]) -> MakeScene:
    def make(project: DrawnProject, **changes: Any) -> TrainScene:
        base = choose_base_model(str(tiny_base), has_gpu=False)
        progress = {"progress": lambda **fields: told.append(fields)}
        return replace(train_scene(project, tmp_path, reader, base), **(progress | changes))

    return make


def test_a_first_run_offers_the_fast_version_then_the_one_with_both(
    make_scene: MakeScene, told: list[dict[str, Any]]
) -> None:
    project = DrawnProject(FORMS, PAGES)
    scene = make_scene(project)
    report = train_project(project, scene)
    store = VersionStore(scene.project)
    assert (report.version, report.promoted, report.annotations) == (2, True, 20)
    assert report.fingerprint == "20 tasks"
    assert store.current() == store.servable() == 2
    assert [(line["event"], line["version"]) for line in store.history()] == [("promoted", 1), ("promoted", 2)]
    learnt, judged = split(3, set(range(1, 21)))
    for number, learners in ((1, ["fast"]), (2, ["fast", "deep"])):
        manifest = store.manifest(number)
        assert manifest["learners"] == learners
        assert manifest["trained_on"] == sorted(learnt)
        assert manifest["held_out"] == sorted(judged)
        assert manifest["metrics"]["held_out"]["pages"] == len(judged) > 0
        assert manifest["labels"] == ["header", "question", "answer"]
        assert manifest["pages"]["learn_from"]["pages"] == len(learnt)
    assert store.manifest(1)["metrics"]["held_out"]["micro"]["f1"] > 0.5
    loaded = LiveModels(scene.project.path.parent.parent, CPU, 10**9).get(3)
    assert loaded is not None
    assert loaded.name == "v2"
    stages = list(dict.fromkeys(fields["stage"] for fields in told if "stage" in fields))
    assert stages == ["export", "read", "fit", "judge", "report"]
    assert {fields.get("steps") for fields in told if fields.get("stage") == "fit"} == {0, 2}
    assert [fields["version"] for fields in told if "version" in fields] == [1]
    assert not scene.project.runs.exists()


def test_FA39_versions_that_learnt_nonsense_are_kept_with_the_reason_and_not_served(make_scene: MakeScene) -> None:
    project = DrawnProject(FORMS, PAGES)
    scene = make_scene(project)
    train_project(project, scene)
    learnt, _ = split(3, set(range(1, 21)))
    wrong = {"header": "answer", "question": "header", "answer": "question"}
    for task in project.tasks:
        if task["id"] in learnt:
            for result in task["annotations"][0]["result"]:
                result["value"]["rectanglelabels"] = [wrong[result["value"]["rectanglelabels"][0]]]
    report = train_project(project, scene)
    store = VersionStore(scene.project)
    assert (report.version, report.promoted) == (4, False)
    assert report.metrics["f1"] < report.metrics["live_f1"]
    assert "held-out pages" in report.reason
    assert store.current() == 2
    assert [line["event"] for line in store.history()[-2:]] == ["refused", "refused"]
    assert [line["reason"] for line in store.history()[-1:]] == [report.reason]
    store.promote(4, "by hand")
    assert store.servable() == 4


def test_a_fault_of_everything_ends_the_run_without_reading_the_rest(make_scene: MakeScene) -> None:
    project = DrawnProject(FORMS, PAGES)
    asked: list[PageRef] = []

    def refuse(ref: PageRef) -> bytes:
        asked.append(ref)
        time.sleep(0.2)  # a Label Studio that is down takes its time
        raise LabelStudioError("label_studio_unreachable", "Label Studio does not answer")

    with pytest.raises(LabelStudioError):
        train_project(project, make_scene(project, fetch=refuse))
    assert len(asked) <= 3 * READERS


def test_AN16_too_few_annotations_make_no_run_and_say_how_many_are_missing(make_scene: MakeScene) -> None:
    project = DrawnProject(FORMS, PAGES[:3])
    scene = make_scene(project)
    with pytest.raises(TrainingRefused, match="annotate 2 more") as refusal:
        train_project(project, scene)
    assert refusal.value.code == "not_enough_data"
    assert VersionStore(scene.project).numbers() == []


def test_AN17_boxes_over_no_word_are_refused_and_the_version_before_stays(make_scene: MakeScene) -> None:
    project = DrawnProject(FORMS, PAGES[:5])
    scene = make_scene(project, base=choose_base_model("none", has_gpu=False))
    assert train_project(project, scene).version == 1
    for task in project.tasks:
        for result in task["annotations"][0]["result"]:
            result["value"] |= {"x": 99.5, "y": 99.5, "width": 0.4, "height": 0.4}
    with pytest.raises(TrainingRefused, match="no word") as refusal:
        train_project(project, scene)
    assert refusal.value.code == "not_enough_data"
    assert VersionStore(scene.project).servable() == 1
    assert VersionStore(scene.project).numbers() == [1]


def test_skipped_tasks_do_not_count(make_scene: MakeScene) -> None:
    project = DrawnProject(FORMS, PAGES[:6])
    for task in project.tasks[:2]:
        task["annotations"][0]["was_cancelled"] = True
    with pytest.raises(TrainingRefused, match="4 annotated pages"):
        train_project(project, make_scene(project))


def test_AN18_a_few_missing_images_are_left_out_and_counted_in_the_version_many_stop_the_run(
    make_scene: MakeScene,
) -> None:
    project = DrawnProject(FORMS, PAGES[:10])
    scene = make_scene(project, base=choose_base_model("none", has_gpu=False))
    urls = list(project.images)
    del project.images[urls[0]]
    report = train_project(project, scene)
    store = VersionStore(scene.project)
    assert (report.version, report.annotations) == (1, 9)
    assert store.manifest(1)["pages"]["left_out"] == {"unreadable": 1}
    for url in urls[1:4]:
        del project.images[url]
    with pytest.raises(ServiceError) as failure:
        train_project(project, scene)
    assert failure.value.code == "images_unavailable"
    assert store.numbers() == [1]


def test_FA15_a_run_without_room_is_refused_before_anything_is_asked_or_computed(
    make_scene: MakeScene, told: list[dict[str, Any]], tmp_path: Path
) -> None:
    project = DrawnProject(FORMS, PAGES[:5])
    with small_disk(tmp_path / "disk") as disk:
        scene = replace(make_scene(project), project=ProjectFolder(disk, 3))
        kept = scene.project.runs / "killed" / "checkpoint-3"
        kept.mkdir(parents=True)
        fill(disk)
        with pytest.raises(ServiceError, match="MB are free in DATA_DIR, a training run needs 15 MB") as refusal:
            train_project(project, scene)
        assert refusal.value.code == "disk_full"
        assert told == []
        assert not kept.exists(), "a checkpoint is worth less than a run"


def test_a_configuration_without_labels_is_refused(make_scene: MakeScene) -> None:
    project = DrawnProject("<View/>", PAGES[:5])
    with pytest.raises(TrainingRefused) as refusal:
        train_project(project, make_scene(project))
    assert refusal.value.code == "no_labels"


def test_a_saved_version_that_does_not_load_is_never_published(
    make_scene: MakeScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damage(tagger: Any, folder: Path, **how: Any) -> None:
        (folder / "config.json").write_text("{}", encoding="utf-8")

    monkeypatch.setattr(offer, "save_tagger", damage)
    project = DrawnProject(FORMS, PAGES[:5])
    scene = make_scene(project)
    with pytest.raises((TrainingRefused, VersionError)) as refusal:
        train_project(project, scene)
    assert refusal.value.code == "version_damaged"
    assert VersionStore(scene.project).numbers() == []
    assert list(scene.project.versions.glob(".tmp-*")) == []

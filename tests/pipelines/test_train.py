from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.document.page import PageRef
from backend.errors import LabelStudioError, TrainingRefused, VersionError
from backend.model.base_models import choose_base_model
from backend.model.live import LiveModels
from backend.pipelines import offer
from backend.pipelines.reading import READERS, PageReader
from backend.pipelines.train import TrainScene, train_project
from backend.training.split import split
from backend.versions.store import VersionStore
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
        return train_scene(project, tmp_path, reader, base, **(progress | changes))

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


def test_versions_that_learnt_nonsense_are_kept_and_not_served(make_scene: MakeScene) -> None:
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


def test_too_few_annotations_say_how_many_are_missing(make_scene: MakeScene) -> None:
    project = DrawnProject(FORMS, PAGES[:3])
    scene = make_scene(project)
    with pytest.raises(TrainingRefused, match="annotate 2 more") as refusal:
        train_project(project, scene)
    assert refusal.value.code == "not_enough_data"
    assert VersionStore(scene.project).numbers() == []


def test_boxes_over_no_word_are_refused(make_scene: MakeScene) -> None:
    project = DrawnProject(FORMS, PAGES[:5])
    for task in project.tasks:
        for result in task["annotations"][0]["result"]:
            result["value"] |= {"x": 99.5, "y": 99.5, "width": 0.4, "height": 0.4}
    with pytest.raises(TrainingRefused, match="no word"):
        train_project(project, make_scene(project))


def test_skipped_tasks_do_not_count(make_scene: MakeScene) -> None:
    project = DrawnProject(FORMS, PAGES[:6])
    for task in project.tasks[:2]:
        task["annotations"][0]["was_cancelled"] = True
    with pytest.raises(TrainingRefused, match="4 annotated pages"):
        train_project(project, make_scene(project))


def test_a_few_missing_images_are_left_out_many_stop_the_run(make_scene: MakeScene) -> None:
    project = DrawnProject(FORMS, PAGES[:10])
    urls = list(project.images)
    del project.images[urls[0]]
    assert train_project(project, make_scene(project)).annotations == 9
    for url in urls[1:4]:
        del project.images[url]
    with pytest.raises(TrainingRefused) as refusal:
        train_project(project, make_scene(project))
    assert refusal.value.code == "images_unavailable"


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

"""The deep learner of a run: one more try, slower, when it diverges."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

from backend.document.label_set import LabelSet
from backend.document.region import LabelledBox
from backend.errors import ServiceError, TrainingRefused, TrainingStopped
from backend.model.base_models import choose_base_model
from backend.model.classifier import WordClassifier
from backend.model.folders import load_base
from backend.pipelines import fitting
from backend.pipelines.annotated import AnnotatedTask, TrainingSet
from backend.pipelines.fitting import DeepFit, checkpoints_of
from backend.training import checkpoints
from backend.training.plan import SLOWER, TrainPlan, plan_for
from tests.disks import fill, small_disk
from tests.memorised import CPU
from tests.pages_of_words import page_of_rows
from tests.tiny_model import save_tiny_base

PAGE = page_of_rows(["Name:", "", "Ann", "Lee"], ["Date:", "", "12.03.2024"])
PAGES = TrainingSet(LabelSet(("name",)), [AnnotatedTask(1, (PAGE,), ((LabelledBox("name", PAGE.words[1].box),),))], [])
STEPS = 12


@pytest.fixture
def work(tmp_path: Path) -> DeepFit:
    base = choose_base_model(str(save_tiny_base(tmp_path / "tiny")), has_gpu=False)
    return DeepFit(base, tmp_path / "starter", tmp_path / "runs", CPU, STEPS, progress=lambda **fields: None)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The models that runs began with."""
    models = []

    def load(folder: Path, label_set: LabelSet, device: torch.device) -> Any:
        model, encoder = load_base(folder, label_set, device)
        models.append(model)
        return model, encoder

    monkeypatch.setattr(fitting, "load_base", load)
    return models


def fit_deep(pages: TrainingSet, work: DeepFit) -> tuple[WordClassifier, TrainPlan]:
    """As a run does it."""
    with checkpoints_of(work.runs):
        return fitting.fit_deep(pages, work)


def test_a_run_that_learns_is_not_tried_again(work: DeepFit, begun: list[Any]) -> None:
    _, plan = fit_deep(PAGES, work)
    assert len(begun) == 1
    assert plan == plan_for(1, starter=False, most_steps=STEPS)


def test_a_run_that_diverges_once_is_done_again_slower_from_the_base_model(
    work: DeepFit, begun: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    steps = count(1)

    def poison_once() -> None:
        if next(steps) == 3:
            with torch.no_grad():
                begun[0].classifier.weight[0, 0] = float("nan")

    with caplog.at_level(logging.WARNING):
        classifier, plan = fit_deep(PAGES, replace(work, meanwhile=poison_once))
    assert len(begun) == 2
    assert next(steps) == 3 + STEPS + 1  # three steps of the first try, all of the second
    usual = plan_for(1, starter=False, most_steps=STEPS)
    assert (plan.body_rate, plan.head_rate) == (usual.body_rate * SLOWER, usual.head_rate * SLOWER)
    [told] = [record for record in caplog.records if record.name == fitting.__name__]
    assert "at step 4" in vars(told)["cause"]
    assert torch.isfinite(torch.from_numpy(classifier.probabilities([PAGE])[0])).all()
    assert not work.runs.exists()


def test_a_run_that_diverges_twice_is_refused(work: DeepFit, begun: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    absurd = TrainPlan(steps=200, body_rate=100.0, head_rate=100.0)
    monkeypatch.setattr(fitting, "plan_for", lambda pages, **facts: absurd)
    with pytest.raises(TrainingRefused, match="diverged: the loss is") as refusal:
        fit_deep(PAGES, work)
    assert refusal.value.code == "diverged"
    assert refusal.value.hint
    assert len(begun) == 2
    assert not work.runs.exists()


def test_FA32_too_little_memory_in_the_middle_of_a_fit_goes_on_from_its_checkpoint_in_less(
    work: DeepFit, begun: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "LARGEST_SHARE", 1e9)
    steps: list[int] = []

    def show(**fields: Any) -> None:
        if fields.get("step") and "loss" not in fields:
            steps.append(fields["step"])

    def run_out_once() -> None:
        if len(steps) == 7:  # before the checkpoint of this step
            raise torch.OutOfMemoryError("CUDA out of memory")

    _, plan = fit_deep(PAGES, replace(work, progress=show, meanwhile=run_out_once, checkpoint_every_s=0.0))
    assert (plan.batch_size, plan.accumulation, plan.checkpointing) == (1, 2, False)
    assert len(begun) == 2
    assert steps == [*range(1, 8), *range(7, STEPS + 1)]


@pytest.mark.parametrize("may_use_cpu", [True, False])
def test_FA32_too_little_memory_for_a_single_page_goes_to_the_processor_or_fails_as_set(
    work: DeepFit, monkeypatch: pytest.MonkeyPatch, may_use_cpu: bool
) -> None:
    really = fitting.fit
    tried: list[tuple[str, int, bool]] = []

    def fit_on_cpu(*args: Any, plan: TrainPlan, device: torch.device, **kwargs: Any) -> Any:
        tried.append((device.type, plan.batch_size, plan.checkpointing))
        if device.type == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return really(*args, plan=plan, device=device, **kwargs)

    monkeypatch.setattr(fitting, "fit", fit_on_cpu)
    monkeypatch.setattr(fitting, "load_base", lambda folder, labels, device: load_base(folder, labels, CPU))
    monkeypatch.setattr(fitting, "room_for_training", lambda device: 10**12)
    work = replace(work, device=torch.device("cuda"), may_use_cpu=may_use_cpu)
    on_gpu = [("cuda", 2, False), ("cuda", 1, False), ("cuda", 1, True)]
    if may_use_cpu:
        classifier, _ = fit_deep(PAGES, work)
        assert classifier.device == CPU
        assert tried == [*on_gpu, ("cpu", 2, False)]
    else:
        with pytest.raises(ServiceError) as refusal:
            fit_deep(PAGES, work)
        assert (refusal.value.code, refusal.value.hint) == ("out_of_memory", "set DEVICE=cpu")
        assert tried == on_gpu


def test_checkpoints_outlive_the_end_of_the_process_only(work: DeepFit) -> None:
    for failure, kept in ((TrainingStopped(), True), (ServiceError("disk_full", "full"), False)):
        (work.runs / "fit").mkdir(parents=True, exist_ok=True)
        with pytest.raises(type(failure)), checkpoints_of(work.runs):
            raise failure
        assert work.runs.exists() is kept


def test_a_fit_goes_on_only_where_pages_labels_base_and_recipe_are_the_same(
    work: DeepFit, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []

    def fit_nothing(*args: Any, workdir: Path, **kwargs: Any) -> Any:
        found.append(workdir.name)
        raise TrainingStopped

    monkeypatch.setattr(fitting, "fit", fit_nothing)
    other_page = page_of_rows(["Name:", "", "Bob", "Lee"], ["Date:", "", "12.03.2024"])
    drawn = (LabelledBox("name", PAGE.words[1].box),)
    other_box = (LabelledBox("name", PAGE.words[2].box),)
    weights = work.base.folder / "model.safetensors" if work.base.folder else Path()
    for pages, job in (
        (PAGES, work),
        (PAGES, work),
        (replace(PAGES, learn_from=[AnnotatedTask(1, (other_page,), (drawn,))]), work),
        (replace(PAGES, learn_from=[AnnotatedTask(1, (PAGE,), (other_box,))]), work),
        (replace(PAGES, label_set=LabelSet(("name", "date"))), work),
        (PAGES, replace(work, most_steps=STEPS + 1)),
    ):
        with pytest.raises(TrainingStopped):
            fit_deep(pages, job)
        (work.runs / found[-1]).mkdir(parents=True, exist_ok=True)
        assert [path.name for path in work.runs.iterdir()] == [found[-1]], "what is foreign is gone"
    os.utime(weights)
    with pytest.raises(TrainingStopped):
        fit_deep(PAGES, work)
    assert found[0] == found[1]
    assert len(set(found[1:])) == len(found) - 1


def test_FA15_a_fit_without_room_is_refused_before_anything_is_computed(
    work: DeepFit, begun: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    weights = sum(path.stat().st_size for path in (tmp_path / "tiny").glob("*.safetensors"))
    with small_disk(tmp_path / "disk") as disk:
        filler = fill(disk)
        os.truncate(filler, filler.stat().st_size - 3 * weights + 4096)
        with pytest.raises(ServiceError, match=r"MB are free in DATA_DIR, a training run needs \d") as refusal:
            fit_deep(PAGES, replace(work, runs=disk / "runs"))
        assert refusal.value.code == "disk_full"
        assert begun == []
        os.truncate(filler, filler.stat().st_size - 8192)
        fit_deep(PAGES, replace(work, runs=disk / "runs"))


def test_too_little_memory_for_one_window_is_told(work: DeepFit, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[TrainPlan] = []

    def fit_nothing(*args: Any, plan: TrainPlan, **kwargs: Any) -> Any:
        tried.append(plan)
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(fitting, "fit", fit_nothing)
    with pytest.raises(ServiceError) as refusal:
        fit_deep(PAGES, work)
    assert refusal.value.code == "out_of_memory"
    assert [(plan.batch_size, plan.checkpointing) for plan in tried] == [(2, False), (1, False), (1, True)]
    assert not work.runs.exists()

"""The deep learner of a run: one more try, slower, when it diverges."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

from backend.document.label_set import LabelSet
from backend.document.region import LabelledBox
from backend.errors import ServiceError, TrainingRefused
from backend.model.base_models import choose_base_model
from backend.model.folders import load_base
from backend.pipelines import fitting
from backend.pipelines.annotated import AnnotatedTask, TrainingSet
from backend.pipelines.fitting import DeepFit, fit_deep
from backend.training.plan import SLOWER, TrainPlan, plan_for
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


def test_too_little_memory_is_tried_again_in_less(
    work: DeepFit, begun: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    really = fitting.fit

    def fit_small(*args: Any, plan: TrainPlan, **kwargs: Any) -> Any:
        if plan.batch_size > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return really(*args, plan=plan, **kwargs)

    monkeypatch.setattr(fitting, "fit", fit_small)
    _, plan = fit_deep(PAGES, work)
    assert (plan.batch_size, plan.accumulation, plan.checkpointing) == (1, 2, False)
    assert len(begun) == 2


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

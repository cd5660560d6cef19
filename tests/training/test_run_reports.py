from __future__ import annotations

import logging
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import TrainerCallback

from backend.document.label_set import LabelSet
from backend.model.folders import load_base
from backend.training import run_reports
from backend.training.examples import Example, page_examples
from backend.training.fit import fit
from backend.training.plan import TrainPlan
from backend.training.run_reports import RunReports
from tests.memorised import CPU
from tests.pages_of_words import page_of_rows
from tests.tiny_model import save_tiny_base

LABELS = LabelSet(("total",))
STEPS = 20


class Refusing(TrainerCallback):
    """A server that takes no reports."""

    asked = 0

    def on_log(self, *args: object, **kwargs: object) -> None:
        Refusing.asked += 1
        raise ConnectionError("nobody is there")


def run_fit(folder: Path, reports: RunReports, workdir: str = "0123456789abcdef") -> None:
    model, encoder = load_base(save_tiny_base(folder / "tiny"), LABELS)
    examples: list[Example] = page_examples(page_of_rows(["Total", "12.50"]), [0, 1], encoder)
    plan = TrainPlan(steps=STEPS, batch_size=1, jitter_scale=0.0, jitter_shift=0)
    fit(
        model,
        encoder,
        examples,
        [],
        plan=plan,
        device=CPU,
        workdir=folder / workdir,
        progress=lambda *told: None,
        reports=reports,
    )


def test_tensorboard_shows_the_course_of_a_fit(tmp_path: Path) -> None:
    reports = RunReports(("tensorboard",), tmp_path / "tensorboard", "project 3")
    run_fit(tmp_path, reports)
    [run] = (tmp_path / "tensorboard").iterdir()
    assert run.name.endswith("-01234567")
    seen = EventAccumulator(str(run))
    seen.Reload()
    assert {"train/loss", "train/learning_rate"} <= set(seen.Tags()["scalars"])
    assert [event.step for event in seen.Scalars("train/loss")] == list(range(1, STEPS + 1))


def test_a_fit_that_goes_on_is_told_to_the_same_folder(tmp_path: Path) -> None:
    reports = RunReports(("tensorboard",), tmp_path, "project 3")
    (tmp_path / "20260101-000000-01234567").mkdir()
    [callback] = reports.callbacks("0123456789abcdef")
    assert callback.callback.logging_dir == str(tmp_path / "20260101-000000-01234567")


def test_by_default_nobody_is_told(tmp_path: Path) -> None:
    run_fit(tmp_path, RunReports())
    assert not list(tmp_path.rglob("*tfevents*"))


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_package_that_is_missing_is_named_and_costs_no_run(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> TrainerCallback:
        raise RuntimeError(f"requires {name} to be installed")

    monkeypatch.setitem(run_reports.INTEGRATIONS, name, missing)
    with caplog.at_level(logging.WARNING):
        assert RunReports((name,), tmp_path).callbacks("fit") == []
    assert f"REPORT_TO={name} has no effect: the package {name} is not installed" in caplog.text


def test_reports_that_are_not_taken_cost_no_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(run_reports.INTEGRATIONS, "mlflow", Refusing)
    Refusing.asked = 0
    with caplog.at_level(logging.WARNING):
        run_fit(tmp_path, RunReports(("mlflow",), tmp_path))
    assert Refusing.asked == 1
    assert "mlflow takes no reports" in caplog.text

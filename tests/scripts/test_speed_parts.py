"""The parts of the bench of speed that measure pages and training steps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from backend.model.classifier import WordClassifier
from backend.model.folders import load_base
from scripts.speed import cold, equal, gpu, ours, plain, requests, train
from scripts.speed.figures import Options
from scripts.speed.models import CPU, LABELS, drawn_examples, save_version
from scripts.speed.pages import bench_pages, serve_pages
from tests.tiny_model import save_tiny_base

QUICK = Options(pages=1, seed=0, data=None, quick=True)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder whose project 1 has a tiny live version."""
    classifier = WordClassifier(*load_base(save_tiny_base(tmp_path / "base", visual=True), LABELS), LABELS, CPU)
    save_version(tmp_path / "data", 1, None, classifier)
    return tmp_path / "data"


def test_a_request_is_timed_by_step_and_is_as_cold_as_it_should_be(data_dir: Path) -> None:
    with serve_pages(bench_pages(QUICK, 1)) as served:
        cold_page = ours.request(data_dir, ours.TESSERACT, 1, served.tasks, cold=True)
        cached = ours.request(data_dir, ours.TESSERACT, 1, served.tasks, cold=False)
        assert {"fetch", "decode", "ocr", "model", "regions", "json"} <= set(cold_page.steps)
        assert sum(cold_page.steps.values()) <= cold_page.seconds
        assert "ocr" not in cached.steps
        (data_dir / "ocr").rename(data_dir / "gone")
        with pytest.raises(ValueError, match="cold False"):
            ours.request(data_dir, ours.TESSERACT, 1, served.tasks, cold=False)
        reading, model = ours.core_seconds(data_dir, ours.TESSERACT, 1, served.tasks[0])
        assert reading > 0
        assert model > 0
        assert ours.encode(data_dir, ours.TESSERACT, 1, served.tasks[0]) > 0


def test_a_task_that_is_not_predicted_is_no_figure(data_dir: Path) -> None:
    with serve_pages([]), pytest.raises(ValueError, match="not what was to be measured"):
        ours.request(data_dir, ours.TESSERACT, 1, [{"id": 1, "data": {"image": "http://127.0.0.1:9/none"}}], cold=True)


def test_the_plain_way_refuses_the_settings_of_the_backend(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="nothing of the backend"):
        plain.read_page(tmp_path, b"")  # the tests import the backend


def test_drawn_examples_have_a_tag_for_each_word_and_a_picture() -> None:
    for page, tags in drawn_examples(2):
        assert len(tags) == len(page.words) > 0
        assert any(tags)
        assert page.picture is not None


def test_pages_a_second_are_measured_by_batch_on_any_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save_tiny_base(tmp_path / "base", visual=True)
    monkeypatch.setattr(gpu, "base_folder", lambda *asked: folder)
    figures = list(gpu.pages_on(torch.device("cpu"), QUICK))
    assert len(figures) == 1 + 4 * len(gpu.QUICK_BATCHES)
    assert all(figure.value > 0 for figure in figures)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_its_part_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.measure(QUICK) == []
    assert "skipped: gpu" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("part", [cold, requests, train, equal], ids=lambda part: part.PART)
def test_each_part_gives_its_figures(part: object) -> None:
    figures = part.measure(QUICK)  # type: ignore[attr-defined]
    assert {figure.part for figure in figures} == {part.PART}  # type: ignore[attr-defined]
    assert any(figure.asked for figure in figures)
    assert all(figure.value >= 0 for figure in figures)

"""A checkpoint folder of the true size of `microsoft/layoutlmv3-base` through the same path as the starter."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from transformers import LayoutLMv3Config, LayoutLMv3ForTokenClassification

from backend.label_studio.config import parse_labeling_config
from backend.model.base_models import choose_base_model
from backend.model.live import LiveModels
from backend.ocr.cache import OcrCache
from backend.ocr.tesseract import TesseractEngine
from backend.pipelines.predict import Scene, predict_tasks
from backend.pipelines.reading import PageReader
from backend.pipelines.train import train_project
from tests.drawn import draw_form
from tests.memorised import CPU, FORMS
from tests.pipelines.annotated import DrawnProject
from tests.pipelines.scenes import PROJECT, train_scene
from tests.tiny_model import byte_tokenizer

PARAMETERS = 125_000_000


@pytest.mark.slow
def test_a_base_size_folder_is_fitted_judged_and_served(tmp_path: Path) -> None:
    folder = tmp_path / "layoutlmv3-base"
    torch.manual_seed(0)
    # As released: 514 positions and one token type; everything else is the default of the configuration.
    model = LayoutLMv3ForTokenClassification(LayoutLMv3Config(max_position_embeddings=514, type_vocab_size=1))
    assert model.num_parameters() == pytest.approx(PARAMETERS, rel=0.02)
    model.save_pretrained(folder)
    byte_tokenizer().save(str(folder / "tokenizer.json"))

    project = DrawnProject(FORMS, [draw_form(seed) for seed in range(5)])
    reader = PageReader(TesseractEngine("eng"), OcrCache(tmp_path / "ocr"), 100_000_000)
    scene = train_scene(project, tmp_path, reader, choose_base_model(str(folder), has_gpu=False), keep_versions=1)
    assert train_project(project, scene).promoted
    version = LiveModels(tmp_path, CPU, 10**10).get(PROJECT)
    assert version is not None
    assert version.tagger.visual
    assert version.tagger.deep.encoder.spec.max_tokens == 512
    answer = predict_tasks(
        project.tasks[:2],
        Scene(parse_labeling_config(FORMS), reader, project.fetch, version, None, time.monotonic() + 120),
    )
    assert answer.errors == []
    assert [entry["model_version"] for entry in answer.results if isinstance(entry, dict)] == ["v2", "v2"]

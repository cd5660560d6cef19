"""The same path on a GPU; skipped where there is none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers.models.layoutlmv3.modeling_layoutlmv3 import LayoutLMv3Encoder

from backend.document.label_set import LabelSet
from backend.model.classifier import WordClassifier
from backend.model.device import CUDA_TOKENS, choose_device, most_tokens
from backend.model.folders import load_base, load_classifier, save_classifier
from backend.training.examples import page_examples
from backend.training.fit import fit
from backend.training.plan import TrainPlan
from tests.model.test_classifier import LONG, SHORT, with_picture
from tests.tiny_model import save_tiny_base

LABELS = LabelSet(("question", "answer"))
CUDA = torch.device("cuda")

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")


@pytest.mark.parametrize("visual", [False, True], ids=["text", "visual"])
def test_gpu_and_cpu_agree(tmp_path: Path, visual: bool) -> None:
    folder = save_tiny_base(tmp_path, visual=visual)
    pages = [with_picture(SHORT), with_picture(LONG)]
    found = []
    for device in (torch.device("cpu"), CUDA):
        torch.manual_seed(1)
        found.append(WordClassifier(*load_base(folder, LABELS), LABELS, device).probabilities(pages))
    for on_cpu, on_gpu in zip(*found, strict=True):
        np.testing.assert_allclose(on_cpu, on_gpu, atol=0.02)


def test_a_page_is_memorised_on_the_gpu(tmp_path: Path) -> None:
    assert choose_device("auto").type == "cuda"
    model, encoder = load_base(save_tiny_base(tmp_path / "base"), LABELS)
    tags = [1, 3, 4]
    plan = TrainPlan(steps=80, body_rate=3e-3, head_rate=3e-3, label_smoothing=0.0, jitter_scale=0.0, jitter_shift=0)
    model = fit(
        model,
        encoder,
        page_examples(SHORT, tags, encoder),
        [],
        plan=plan,
        device=CUDA,
        workdir=tmp_path / "run",
        progress=lambda *told: None,
    )
    (found,) = WordClassifier(model, encoder, LABELS, CUDA).probabilities([SHORT])
    assert found.argmax(axis=1).tolist() == tags


def test_a_loaded_version_is_in_bfloat16_and_its_attention_is_the_fused_one(tmp_path: Path) -> None:
    saved = WordClassifier(*load_base(save_tiny_base(tmp_path / "base"), LABELS, CUDA), LABELS, CUDA)
    (tmp_path / "version").mkdir()
    save_classifier(saved, tmp_path / "version")
    loaded = load_classifier(tmp_path / "version", LABELS, CUDA)
    assert loaded.model.dtype == torch.bfloat16
    assert type(loaded.model.layoutlmv3.encoder) is not LayoutLMv3Encoder
    np.testing.assert_allclose(loaded.probabilities([LONG])[0], saved.probabilities([LONG])[0], atol=0.02)


def test_a_batch_is_found_for_the_memory_that_is_free() -> None:
    assert 0 < most_tokens(CUDA) <= CUDA_TOKENS


def test_too_little_memory_halves_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = WordClassifier(*load_base(save_tiny_base(tmp_path), LABELS, CUDA), LABELS, CUDA)
    expected = classifier.probabilities([SHORT])[0]
    really = classifier.model.forward

    def forward(**inputs: torch.Tensor) -> Any:
        if len(inputs["input_ids"]) > 1:
            torch.empty(1 << 50, device=CUDA)  # more than any GPU has
        return really(**inputs)

    monkeypatch.setattr(classifier.model, "forward", forward)
    for found in classifier.probabilities([SHORT] * 5):
        np.testing.assert_allclose(found, expected, atol=0.02)

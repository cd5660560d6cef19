from pathlib import Path

import pytest
import torch

from backend.document.label_set import LabelSet
from backend.model import starter
from backend.model.folders import load_base
from backend.model.starter import ensure_starter, find_text_model, is_random
from tests.pages_of_words import page_of_rows

LABELS = LabelSet(("question", "answer"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_text_model() is None:
        pytest.skip("the package with the starter's text weights is not installed")
    return ensure_starter(tmp_path_factory.mktemp("base") / "starter")


def test_the_starter_is_made_once_of_verified_weights(folder: Path) -> None:
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert ensure_starter(folder) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    assert not is_random(folder)
    assert "Apache" in (folder / "NOTICE").read_text(encoding="utf-8")
    assert sorted(path.name for path in folder.parent.iterdir()) == ["starter"]


def test_the_starter_loads_like_any_other_base(folder: Path) -> None:
    model, encoder = load_base(folder, LABELS)
    assert model.config.model_type == "layoutlmv3"
    assert sum(tensor.numel() for tensor in model.parameters()) == pytest.approx(23e6, rel=0.03)
    assert encoder.spec.segment_types
    assert not encoder.spec.visual
    window = encoder.encode(page_of_rows(["Total", "12.50"]))[0]
    assert window.input_ids[0] == encoder.tokenizer.token_to_id("[CLS]")


def test_near_words_are_preferred_by_heads_of_four_kinds(folder: Path) -> None:
    encoder = load_base(folder, LABELS)[0].layoutlmv3.encoder.requires_grad_(False)
    assert torch.count_nonzero(encoder.rel_pos_bias.weight) == 0
    strongest = [
        (float(x.min()), float(y.min()))
        for x, y in zip(encoder.rel_pos_x_bias.weight, encoder.rel_pos_y_bias.weight, strict=True)
    ]
    assert len(set(strongest[:4])) == 4
    assert strongest[:4] == strongest[4:8]
    assert min(strongest)[0] < -10


def test_weights_with_another_hash_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"not those weights")
    monkeypatch.setattr(starter, "installed_text_model", lambda: tmp_path)
    assert find_text_model() is None


def test_without_text_weights_the_starter_is_random_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starter, "installed_text_model", lambda: None)
    folder = ensure_starter(tmp_path / "starter")
    assert is_random(folder)
    model, encoder = load_base(folder, LABELS)
    windows = encoder.encode(page_of_rows(["Größe", "12.50"]))
    assert windows[0].input_ids.max() < model.config.vocab_size

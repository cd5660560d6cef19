import copy
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForTokenClassification

from backend.document.label_set import LabelSet
from backend.encoding.batch import pad_windows
from backend.model.attention import use_fused_attention
from backend.model.classifier import model_inputs
from backend.model.folders import load_base
from tests.model.test_classifier import LONG, SHORT, with_picture
from tests.tiny_model import save_tiny_base

CPU = torch.device("cpu")


@pytest.mark.parametrize("visual", [False, True], ids=["text", "visual"])
def test_fused_attention_equals_the_librarys(tmp_path: Path, visual: bool) -> None:
    folder = save_tiny_base(tmp_path, visual=visual)
    plain = AutoModelForTokenClassification.from_pretrained(folder, num_labels=5, ignore_mismatched_sizes=True).eval()
    fused = use_fused_attention(copy.deepcopy(plain))
    encoder = load_base(folder, LabelSet(("a", "b")))[1]
    windows = [window for page in (SHORT, LONG) for window in encoder.encode(with_picture(page))]
    inputs = model_inputs(pad_windows(windows, encoder.spec.pad_id), CPU)
    with torch.inference_mode():
        difference = (plain(**inputs).logits - fused(**inputs).logits)[inputs["attention_mask"].bool()]
    assert difference.abs().max() < 1e-4
    assert type(fused.layoutlmv3.encoder) is not type(plain.layoutlmv3.encoder)


def test_saved_weights_have_the_librarys_names(tmp_path: Path) -> None:
    plain = AutoModelForTokenClassification.from_pretrained(save_tiny_base(tmp_path))
    assert set(use_fused_attention(copy.deepcopy(plain)).state_dict()) == set(plain.state_dict())

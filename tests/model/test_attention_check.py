import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import LayoutLMv3ForTokenClassification, PreTrainedModel
from transformers.models.layoutlmv3.modeling_layoutlmv3 import LayoutLMv3Encoder

from backend.document.label_set import LabelSet
from backend.model import attention, attention_check
from backend.model.classifier import WordClassifier
from backend.model.folders import load_base, load_classifier, save_classifier
from tests.tiny_model import save_tiny_base

CPU = torch.device("cpu")
LABELS = LabelSet(("question", "answer"))


@pytest.fixture(autouse=True)
def not_tried_yet() -> Iterator[None]:
    attention_check._agree.cache_clear()
    yield
    attention_check._agree.cache_clear()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save_tiny_base(tmp_path / "base")


def is_fused(model: PreTrainedModel) -> bool:
    return type(model.layoutlmv3.encoder) is not LayoutLMv3Encoder


def test_an_equal_attention_is_used_without_a_word(base: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert is_fused(load_base(base, LABELS)[0])
    assert [record for record in caplog.records if record.name == attention_check.__name__] == []


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("spatial", [True, False])
def test_the_two_agree_for_every_kind(relative: bool, spatial: bool) -> None:
    assert attention_check._difference(relative, spatial, 64, CPU) < attention_check.LARGEST_DIFFERENCE


def slightly_off(*args: Any, **kwargs: Any) -> torch.Tensor:
    return scaled_dot_product_attention(*args, **kwargs) * 1.01


def without_mask(*args: Any, **kwargs: Any) -> torch.Tensor:
    return scaled_dot_product_attention(*args)


def broken(*args: Any, **kwargs: Any) -> torch.Tensor:
    raise RuntimeError("no such kernel")


@pytest.mark.parametrize("sabotage", [slightly_off, without_mask, broken])
def test_the_librarys_is_used_where_they_differ_and_that_is_told_once(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, sabotage: Any
) -> None:
    monkeypatch.setattr(attention, "scaled_dot_product_attention", sabotage)
    model, encoder = load_base(base, LABELS)
    assert isinstance(model, LayoutLMv3ForTokenClassification)
    assert not is_fused(model)
    (tmp_path / "version").mkdir()
    save_classifier(WordClassifier(model, encoder, LABELS, CPU), tmp_path / "version")
    assert not is_fused(load_classifier(tmp_path / "version", LABELS, CPU).model)
    [told] = [record for record in caplog.records if record.name == attention_check.__name__]
    assert told.levelno == logging.WARNING
    assert told.exc_info if sabotage is broken else vars(told)["difference"] > 1e-4


def test_trying_draws_no_random_numbers_of_others(base: Path) -> None:
    torch.manual_seed(3)
    attention_check._agree(True, True, 12, CPU)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(1))

from pathlib import Path

import pytest

from backend.errors import ServiceError
from backend.model import base_models
from backend.model.base_models import choose_base_model
from tests.tiny_model import save_tiny_base


def test_without_a_gpu_auto_is_the_starter() -> None:
    base = choose_base_model("auto", has_gpu=False)
    assert (base.name, base.licence) == ("starter", "Apache-2.0")
    assert "no GPU" in base.reason


def test_with_a_gpu_and_no_weights_auto_is_the_starter_and_says_why() -> None:
    base = choose_base_model("auto", has_gpu=True)
    assert base.name == "starter"
    assert "microsoft/layoutlmv3-base" in base.reason


def test_with_a_gpu_and_cached_weights_auto_is_layoutlmv3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_models, "snapshot_download", lambda name, **options: str(save_tiny_base(tmp_path)))
    base = choose_base_model("auto", has_gpu=True)
    assert base.name == "microsoft/layoutlmv3-base"
    assert "non-commercial" in base.licence
    assert base.folder == tmp_path


def test_a_starter_without_its_weights_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_models, "STARTER_TEXT_PACKAGE", "no-such-package")
    assert "random" in choose_base_model("starter", has_gpu=False).reason


def test_a_hub_model_is_told_without_a_download() -> None:
    base = choose_base_model("microsoft/layoutlmv3-base", has_gpu=False, download=False)
    assert base.folder is None
    assert "downloads" in base.reason
    assert choose_base_model("auto", has_gpu=True, download=False).name == "microsoft/layoutlmv3-base"


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    base = choose_base_model(str(save_tiny_base(tmp_path / "mine")), has_gpu=False)
    assert (base.name, base.folder) == ("mine", tmp_path / "mine")


def test_a_folder_called_starter_is_not_the_starter(tmp_path: Path) -> None:
    assert not choose_base_model(str(save_tiny_base(tmp_path / "starter")), has_gpu=False).is_starter
    assert choose_base_model("starter", has_gpu=False).is_starter


def test_a_folder_that_lacks_a_file_is_refused_by_its_name(tmp_path: Path) -> None:
    (save_tiny_base(tmp_path / "mine") / "tokenizer.json").unlink()
    with pytest.raises(ServiceError, match=r"mine lacks tokenizer\.json"):
        choose_base_model(str(tmp_path / "mine"), has_gpu=False)


@pytest.mark.parametrize("name", ["microsoft/layoutlmv3-base", "no such folder/../x"])
def test_a_model_that_cannot_be_had_is_refused_with_a_remedy(name: str) -> None:
    with pytest.raises(ServiceError) as refusal:
        choose_base_model(name, has_gpu=False)
    assert refusal.value.code == "base_model_missing"
    assert "starter" in refusal.value.hint


def test_no_deep_learner_is_a_choice_too() -> None:
    base = choose_base_model("none", has_gpu=True)
    assert (base.name, base.is_used, base.may_be_visual) == ("none", False, False)
    assert choose_base_model("starter", has_gpu=False).is_used

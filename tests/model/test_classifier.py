from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.document.label_set import LabelSet
from backend.document.page import Page
from backend.errors import VersionError
from backend.model import folders
from backend.model.classifier import WordClassifier
from backend.model.folders import load_base, load_classifier, save_classifier
from backend.model.tagger import PageTagger, load_tagger, save_tagger
from tests.pages_of_words import page_of_rows
from tests.tiny_model import save_tiny_base

LABELS = LabelSet(("question", "answer"))
CPU = torch.device("cpu")
SHORT = page_of_rows(["Name:", "", "Ann"])
LONG = page_of_rows(*[[f"word{row}", "date", "total", "12.50"] for row in range(30)])
ROUNDED = 0.02
"""Difference that bfloat16 makes, where the processor has it."""


@pytest.fixture(scope="module", params=[False, True], ids=["text", "visual"])
def classifier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> WordClassifier:
    folder = save_tiny_base(tmp_path_factory.mktemp("base"), visual=request.param)
    torch.manual_seed(1)
    return WordClassifier(*load_base(folder, LABELS), LABELS, CPU)


def with_picture(page: Page, shade: int = 200) -> Page:
    return Page(page.width, page.height, page.words, np.full((3, 224, 224), shade, np.uint8))


def test_every_word_of_a_long_page_gets_a_distribution(classifier: WordClassifier) -> None:
    page = with_picture(LONG)
    assert len(classifier.encoder.encode(page)) > 1
    (found,) = classifier.probabilities([page])
    assert found.shape == (len(page.words), LABELS.tag_count)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_a_batch_equals_the_pages_one_by_one(classifier: WordClassifier) -> None:
    pages = [with_picture(page) for page in (SHORT, LONG, SHORT, page_of_rows(["one"]))]
    together = classifier.probabilities(pages)
    for page, found in zip(pages, together, strict=True):
        (alone,) = classifier.probabilities([page])
        np.testing.assert_allclose(found, alone, atol=ROUNDED)


def test_a_page_without_words_gets_an_empty_answer(classifier: WordClassifier) -> None:
    (found, other) = classifier.probabilities([Page(10, 10, ()), with_picture(SHORT)])
    assert found.shape == (0, LABELS.tag_count)
    assert len(other) == len(SHORT.words)


def test_a_saved_classifier_predicts_the_same(classifier: WordClassifier, tmp_path: Path) -> None:
    save_classifier(classifier, tmp_path)
    again = load_classifier(tmp_path, LABELS, CPU)
    assert again.label_set == classifier.label_set
    assert again.encoder.spec == classifier.encoder.spec
    page = with_picture(LONG)
    np.testing.assert_allclose(again.probabilities([page])[0], classifier.probabilities([page])[0], atol=ROUNDED)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "labels.json", "encoding.json"])
@pytest.mark.parametrize("damage", ["missing", "garbage"])
def test_a_damaged_version_is_refused_by_name(
    classifier: WordClassifier, tmp_path: Path, name: str, damage: str
) -> None:
    save_tagger(PageTagger(deep=classifier), tmp_path)
    if damage == "missing":
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(b"{\x00garbage")
    with pytest.raises(VersionError) as refusal:
        load_tagger(tmp_path, CPU)
    assert refusal.value.code == "version_damaged"
    assert str(tmp_path) not in refusal.value.message + refusal.value.hint.replace(tmp_path.name, "")


def test_weights_for_other_labels_are_refused(classifier: WordClassifier, tmp_path: Path) -> None:
    save_classifier(classifier, tmp_path)
    with pytest.raises(VersionError, match="outputs"):
        load_classifier(tmp_path, LabelSet(("question",)), CPU)


def test_ten_labels_get_a_head_too(tmp_path: Path) -> None:
    many = LabelSet(tuple(f"label{number}" for number in range(10)))
    classifier = WordClassifier(*load_base(save_tiny_base(tmp_path / "base"), many), many, CPU)
    (tmp_path / "version").mkdir()
    save_classifier(classifier, tmp_path / "version")
    again = load_classifier(tmp_path / "version", many, CPU)
    np.testing.assert_allclose(again.probabilities([SHORT])[0], classifier.probabilities([SHORT])[0], atol=ROUNDED)


def test_a_loaded_version_is_rounded_where_that_pays_and_cannot_be_saved(
    classifier: WordClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "bf16_pays", lambda device: True)
    save_classifier(classifier, tmp_path)
    loaded = load_classifier(tmp_path, LABELS, CPU)
    assert loaded.model.dtype == torch.bfloat16
    assert loaded.bytes == classifier.bytes // 2
    with pytest.raises(ValueError, match="rounded"):
        save_classifier(loaded, tmp_path)
    again = tmp_path / "again"
    again.mkdir()
    save_tagger(PageTagger(deep=loaded), again, deep_from=tmp_path)
    assert (again / "model.safetensors").read_bytes() == (tmp_path / "model.safetensors").read_bytes()


@pytest.fixture
def scarce(classifier: WordClassifier, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the batches that were tried; those of more than two windows do not go into the memory."""
    tried: list[int] = []
    really = classifier.model.forward

    def forward(**inputs: torch.Tensor) -> Any:
        tried.append(len(inputs["input_ids"]))
        if tried[-1] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return really(**inputs)

    monkeypatch.setattr(classifier.model, "forward", forward)
    return tried


def test_too_little_memory_halves_the_batch(classifier: WordClassifier, scarce: list[int]) -> None:
    pages = [with_picture(SHORT), with_picture(page_of_rows(["one"]))] * 3
    found = classifier.probabilities(pages)
    assert max(scarce) > 2
    assert sum(size for size in scarce if size <= 2) == len(pages)
    (alone,) = classifier.probabilities([pages[1]])
    np.testing.assert_allclose(found[3], alone, atol=ROUNDED)


def test_callers_in_several_threads_get_what_they_get_alone(classifier: WordClassifier) -> None:
    pages = [with_picture(page_of_rows(["word"] * words, ["date", "total"])) for words in range(1, 9)]
    alone = [classifier.probabilities([page])[0] for page in pages]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda page: classifier.probabilities([page])[0], pages))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, other, atol=ROUNDED)
